import { z } from 'zod'
import type { MessageEdit, SeenClient } from '../../edit/edit.ts'
import { BadRequest } from '../../base/errors.ts'
import { optionalTime, readEach } from '../fields.ts'
import { checkMessage, invalid, toClient, toEdit, toFault, toTime } from '../generic/edit.ts'
import { genericClient, genericId, mappedEdit } from '../generic/schema.ts'
import type { FindAuthor, WebhookContent } from '../messenger.ts'
import { type Budget, type Sight, compileExpression, ExpressionFault, type Evaluate } from './expression.ts'
import { handshakesSchema } from './handshakes.ts'
import { verificationSchema } from './verification.ts'

/** JSONata as one string or as a list of lines, because JSON has no multi-line strings. */
function expression (name: string) {
  const remedy = 'must be JSONata: a text, or a list of its lines'
  return z.union([z.string(), z.array(z.string()).transform(lines => lines.join('\n'))], remedy).transform((source, context): Evaluate => {
    try {
      return compileExpression(source, name)
    } catch (error) {
      if (!(error instanceof ExpressionFault)) throw error
      context.issues.push({ code: 'custom', input: source, message: `is not usable: ${error.message}` })
      return z.NEVER
    }
  })
}

const reply = z.strictObject({
  status: z.int().min(200).max(299, 'must be from 200 to 299').default(200),
  body: z.json().default(''),
  contentType: z.string().regex(/^[\w.+-]+\/[\w.+-]+(; ?[\w-]+=[\w-]+)*$/, 'must be a media type such as text/xml').optional(),
}).refine(({ body, contentType }) => contentType === undefined || typeof body === 'string', 'must have a text as its body when it has a contentType')

/** The keys of a custom channel. Reading them compiles the expressions: a faulty one stops the start. */
export const keys = {
  verify: verificationSchema.describe('how a webhook proves its sender'),
  handshakes: handshakesSchema.describe('the messenger\'s questions and their answers'),
  reply: reply.default({ status: 200, body: '' }).describe('the answer to every accepted webhook'),
  forEach: expression('forEach').optional().describe('JSONata: the items of a body with several events'),
  filter: expression('filter').optional().describe('JSONata: true for an item that announces an edit'),
  map: expression('map').describe('JSONata: makes the edit from an item'),
  client: expression('client').optional().describe('JSONata: finds the client in an item that is no edit'),
  unreadable: z.enum(['acknowledge', 'refuse'], 'must be acknowledge or refuse').default('acknowledge').describe('refuse answers 400 to an authentic webhook that cannot be read'),
}

export type Settings = z.output<z.ZodObject<typeof keys>>

/** For all expressions of one webhook: less than a tenth of a second, and enough for two hundred edits. */
const MAX_STEPS = 20_000

const MAX_ITEMS = 1000

/** What `map` gives if the relay shall look for the author. */
const ofSeen = z.object({
  user: z.looseObject({}).optional(),
  chat: z.looseObject({}).optional(),
  message: z.looseObject({ id: genericId, seen: z.literal(true) }),
})

/** The expressions of a channel, and how to find the author of a message that `client` has seen. */
type Reading = Pick<Settings, 'forEach' | 'filter' | 'map' | 'client'> & { readonly findAuthor: FindAuthor }

/** Reads a body by the channel's expressions. Rejects with BadRequest or Overloaded, like them. */
export async function readBody (expressions: Omit<Reading, 'findAuthor'>, body: unknown, nowMs: number, findAuthor: FindAuthor = async () => null): Promise<WebhookContent> {
  const reading = { ...expressions, findAuthor }
  const sight = { body, receivedAt: nowMs }
  const budget = { steps: MAX_STEPS }
  if (expressions.forEach === undefined) return await readItem(reading, body, sight, budget)

  const found = await expressions.forEach(body, sight, budget)
  const items: unknown[] = found === undefined ? [] : Array.isArray(found) ? found : [found]
  if (items.length === 0) return { edits: [], ignored: [{}], clients: [] }
  if (items.length > MAX_ITEMS) throw new BadRequest(`forEach finds more than ${MAX_ITEMS} items`)
  const read: Array<WebhookContent | BadRequest> = []
  for (const item of items) read.push(await readItem(reading, item, sight, budget).catch(toUnreadable))
  return readEach(read, content => {
    if (content instanceof BadRequest) throw content
    return content
  })
}

async function readItem ({ filter, map, client, findAuthor }: Reading, item: unknown, sight: Sight, budget: Budget): Promise<WebhookContent> {
  const isEdit = filter === undefined ? true : await filter(item, sight, budget) ?? false
  if (typeof isEdit !== 'boolean') throw new BadRequest('filter gives neither true nor false: wrap it in $exists( ) or compare it')
  if (isEdit) return { edits: [readEdit(await addAuthor(await map(item, sight, budget), findAuthor), sight.receivedAt)], ignored: [], clients: [] }
  const clients = client === undefined ? [] : await client(item, sight, budget).then(seen => readClients(seen, sight.receivedAt), passOver)
  return { edits: [], ignored: [{}], clients }
}

/** Looks for the author of a message that `client` has seen, if the map asks for it. Only messages of clients are seen. */
async function addAuthor (mapped: unknown, findAuthor: FindAuthor): Promise<unknown> {
  const { success, data } = ofSeen.safeParse(mapped)
  const author = success ? await findAuthor(String(data.message.id)) : null
  if (!success || author === null) return mapped
  const { user, chat, message } = data
  return { user: { ...user, id: author.user }, chat: { ...chat, id: author.chat }, message: { ...message, direction: 'in' } }
}

function readEdit (mapped: unknown, nowMs: number): MessageEdit {
  const { success, data, error } = mappedEdit.safeParse(mapped)
  if (!success) throw invalid(error.issues.map(toFault), 'map gives a faulty edit')
  const { message } = data
  const sentAt = toTime(message.date)
  const edit = sentAt === undefined || optionalTime(sentAt, nowMs) !== undefined ? data : { ...data, message: { ...message, date: undefined } }
  const faults = checkMessage(edit.message, undefined, '/message', nowMs)
  if (faults.length > 0) throw invalid(faults, 'map gives a faulty edit')
  return toEdit(edit, undefined)
}

/** Skips a client that it cannot read: only edits must be readable. */
function readClients (seen: unknown, nowMs: number): SeenClient[] {
  const { success, data } = genericClient.safeParse(seen)
  if (!success) return []
  const client = toClient(data, undefined, nowMs)
  return [data.message?.id === undefined ? client : { ...client, message: String(data.message.id) }]
}

function passOver (error: unknown): [] {
  toUnreadable(error)
  return []
}

function toUnreadable (error: unknown): BadRequest {
  if (error instanceof BadRequest) return error
  throw error
}

import { z } from 'zod'
import type { MessageEdit, SeenClient } from '../../edit/edit.ts'
import { BadRequest } from '../../base/errors.ts'
import { readEach } from '../fields.ts'
import { checkMessage, invalid, toClient, toEdit, toFault } from '../generic/edit.ts'
import { genericClient, genericEdit } from '../generic/schema.ts'
import type { WebhookContent } from '../messenger.ts'
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
  verify: verificationSchema,
  handshakes: handshakesSchema,
  reply: reply.default({ status: 200, body: '' }),
  forEach: expression('forEach').optional(),
  filter: expression('filter').optional(),
  map: expression('map'),
  client: expression('client').optional(),
  unreadable: z.enum(['acknowledge', 'refuse'], 'must be acknowledge or refuse').default('acknowledge'),
}

export type Settings = z.output<z.ZodObject<typeof keys>>

/** For all expressions of one webhook: less than a tenth of a second, and enough for two hundred edits. */
const MAX_STEPS = 20_000

const MAX_ITEMS = 1000

type Expressions = Pick<Settings, 'forEach' | 'filter' | 'map' | 'client'>

/** Reads a body by the channel's expressions. Rejects with BadRequest or Overloaded, like them. */
export async function readBody (expressions: Expressions, body: unknown, nowMs: number): Promise<WebhookContent> {
  const sight = { body, receivedAt: nowMs }
  const budget = { steps: MAX_STEPS }
  if (expressions.forEach === undefined) return await readItem(expressions, body, sight, budget)

  const found = await expressions.forEach(body, sight, budget)
  const items: unknown[] = found === undefined ? [] : Array.isArray(found) ? found : [found]
  if (items.length === 0) return { edits: [], ignored: [{}], clients: [] }
  if (items.length > MAX_ITEMS) throw new BadRequest(`forEach finds more than ${MAX_ITEMS} items`)
  const read: Array<WebhookContent | BadRequest> = []
  for (const item of items) read.push(await readItem(expressions, item, sight, budget).catch(toUnreadable))
  return readEach(read, content => {
    if (content instanceof BadRequest) throw content
    return content
  })
}

async function readItem ({ filter, map, client }: Expressions, item: unknown, sight: Sight, budget: Budget): Promise<WebhookContent> {
  const isEdit = filter === undefined ? true : await filter(item, sight, budget) ?? false
  if (typeof isEdit !== 'boolean') throw new BadRequest('filter gives neither true nor false: wrap it in $exists( ) or compare it')
  if (isEdit) return { edits: [readEdit(await map(item, sight, budget), sight.receivedAt)], ignored: [], clients: [] }
  const clients = client === undefined ? [] : await client(item, sight, budget).then(seen => readClients(seen, sight.receivedAt), passOver)
  return { edits: [], ignored: [{}], clients }
}

function readEdit (mapped: unknown, nowMs: number): MessageEdit {
  const { success, data, error } = genericEdit.safeParse(mapped)
  if (!success) throw invalid(error.issues.map(toFault), 'map gives a faulty edit')
  const faults = checkMessage(data.message, undefined, '/message', nowMs)
  if (faults.length > 0) throw invalid(faults, 'map gives a faulty edit')
  return toEdit(data, undefined)
}

/** Skips a client that it cannot read: only edits must be readable. */
function readClients (seen: unknown, nowMs: number): SeenClient[] {
  const { success, data } = genericClient.safeParse(seen)
  return success ? [toClient(data, undefined, nowMs)] : []
}

function passOver (error: unknown): [] {
  toUnreadable(error)
  return []
}

function toUnreadable (error: unknown): BadRequest {
  if (error instanceof BadRequest) return error
  throw error
}

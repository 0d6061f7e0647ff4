import type { MessageEdit, SeenClient } from '../../edit/edit.ts'
import { BadRequest } from '../../base/errors.ts'
import { readEach } from '../each.ts'
import { checkMessage, invalid, toClient, toEdit, toFault } from '../generic/edit.ts'
import { genericClient, genericEdit } from '../generic/schema.ts'
import type { WebhookContent } from '../messenger.ts'
import type { Budget, Sight } from './expression.ts'
import type { Settings } from './settings.ts'

/** For all expressions of one webhook together: less than a tenth of a second, and enough for two hundred edits. */
const MAX_STEPS = 20_000

const MAX_ITEMS = 1000

type Expressions = Pick<Settings, 'forEach' | 'filter' | 'map' | 'client'>

/** What a body says by the channel's expressions. Rejects with BadRequest or Overloaded, as they do. */
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
  const clients = client === undefined ? [] : await client(item, sight, budget).then(seen => readClient(seen, sight.receivedAt), passOver)
  return { edits: [], ignored: [{}], clients }
}

function readEdit (mapped: unknown, nowMs: number): MessageEdit {
  const { success, data, error } = genericEdit.safeParse(mapped)
  if (!success) throw invalid(error.issues.map(toFault), 'map gives a faulty edit')
  const faults = checkMessage(data.message, undefined, '/message', nowMs)
  if (faults.length > 0) throw invalid(faults, 'map gives a faulty edit')
  return toEdit(data, undefined)
}

/** An event that is no edit is not the relay's to judge, so a client who cannot be read is passed over. */
function readClient (seen: unknown, nowMs: number): SeenClient[] {
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

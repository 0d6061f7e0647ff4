import { BadRequest } from '../base/errors.ts'
import type { WebhookContent } from './messenger.ts'

/** More than any messenger puts in one webhook: Meta, which sends the largest batches, ends at this. */
const MAX_ITEMS = 1000

/**
 * Reads each item of a batch on its own, in order: one that `read` throws BadRequest at is ignored as unreadable and does not cost the
 * others. Throws BadRequest for a batch that no messenger would send.
 */
export function readEach<Item> (items: readonly Item[], read: (item: Item) => Partial<WebhookContent>): WebhookContent {
  if (items.length > MAX_ITEMS) throw new BadRequest(`more than ${MAX_ITEMS} items`)
  const contents = items.map(item => readOne(item, read))
  return {
    edits: contents.flatMap(({ edits = [] }) => edits),
    ignored: contents.flatMap(({ ignored = [] }) => ignored),
    clients: contents.flatMap(({ clients = [] }) => clients),
  }
}

function readOne<Item> (item: Item, read: (item: Item) => Partial<WebhookContent>): Partial<WebhookContent> {
  try {
    return read(item)
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error
    return { ignored: [{ reason: 'unreadable', detail: error.message }] }
  }
}

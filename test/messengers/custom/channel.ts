import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { custom } from '../../../src/messengers/custom/custom.ts'
import type { FindAuthor, WebhookContent } from '../../../src/messengers/messenger.ts'

export const NOW = Date.UTC(2026, 10, 22, 10)
export const SECRET = 'a-secret-of-the-custom-channel'

export type Entry = Readonly<Record<string, unknown>>

/** The channel of a file of docs/messengers/custom, as it is written there. */
export function example (name: string): Entry {
  const file = JSON.parse(readFileSync(join(import.meta.dirname, `../../../docs/messengers/custom/${name}.json`), 'utf8')) as { channels: [Entry] }
  return file.channels[0]
}

/** A custom channel with these keys, among which those of every channel are passed over. */
export function create (entry: Entry, secrets: readonly string[] = [SECRET]) {
  const own = Object.fromEntries(Object.entries({ verify: { kind: 'bearer' }, map: '$', ...entry }).filter(([key]) => Object.hasOwn(custom.keys, key)))
  return custom.create({ secrets, settings: z.strictObject(custom.keys).parse(own) })
}

/** What the channel reads in a body, which is JSON unless it is bytes already. */
export async function read (entry: Entry, body: unknown, findAuthor?: FindAuthor): Promise<WebhookContent> {
  return await create(entry).parse({ method: 'POST', query: '', headers: {}, body: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)) }, NOW, findAuthor)
}

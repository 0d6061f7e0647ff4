import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where in a payload, as keys and indexes with full stops between, and what stands there instead; undefined takes it away. */
export type Changes = Readonly<Record<string, unknown>>

/** A payload of test/messengers/fixtures, such as `waha/edited`, as bytes on the wire. */
export function fixture (name: string, changes: Changes = {}): Buffer {
  const bytes = readFileSync(join(import.meta.dirname, 'fixtures', `${name}.json`))
  if (Object.keys(changes).length === 0) return bytes
  const payload: unknown = JSON.parse(bytes.toString())
  for (const [path, value] of Object.entries(changes)) change(payload, path.split('.'), value)
  return Buffer.from(JSON.stringify(payload))
}

function change (payload: unknown, [key = '', ...rest]: readonly string[], value: unknown): void {
  const parent = payload as Record<string, unknown>
  if (rest.length > 0) change(parent[key], rest, value)
  else if (value === undefined) delete parent[key]
  else parent[key] = value
}

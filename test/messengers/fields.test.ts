import t from 'tap'
import type { WebhookContent } from '../../src/messengers/messenger.ts'
import { samples, type Sample } from './samples.ts'

/*
 * A field only costs itself. Each field of each sample that the messenger's reader does not need is dropped, set to null and given other
 * types. The same edit must result, without what that field gives. Fields that are needed must make a difference, or the list is wrong.
 */

type Path = readonly string[]

/** Whether a pattern such as `messages.*.text` is at this place or below it. */
function covers (path: Path, pattern: string): boolean {
  const parts = pattern.split('.')
  return parts.length >= path.length && path.every((key, index) => parts[index] === '*' || parts[index] === key)
}

/** Whether this place is at a pattern's place or below it. */
function isUnder (path: Path, pattern: string): boolean {
  const parts = pattern.split('.')
  return parts.length <= path.length && parts.every((part, index) => part === '*' || part === path[index])
}

function places (value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [...path.length === 0 ? [] : [path], ...Object.entries(value).flatMap(([key, item]) => places(item, [...path, key]))]
}

function valueAt (payload: unknown, path: Path): unknown {
  return path.reduce((value, key) => (value as Record<string, unknown>)[key], payload)
}

/** The payload with another value at one place; undefined takes the field away. */
function changed (payload: unknown, path: Path, value: unknown): Buffer {
  const copy = structuredClone(payload)
  const parent = valueAt(copy, path.slice(0, -1)) as Record<string, unknown>
  const key = path.at(-1) ?? ''
  if (value === undefined && !Array.isArray(parent)) delete parent[key]
  else parent[key] = value
  return Buffer.from(JSON.stringify(copy))
}

const kindOf = (value: unknown): string => value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value

function otherValues (value: unknown): unknown[] {
  return [undefined, null, 'x', 7, true, {}, []].filter(other => kindOf(other) !== kindOf(value) && !(value === null && other !== undefined))
}

/** Each value of the edits by its place, without those that `without` names. */
function facts ({ edits }: WebhookContent, without: readonly string[]): Record<string, unknown> {
  const plain: unknown = JSON.parse(JSON.stringify(edits, (_, value: unknown) => typeof value === 'bigint' ? `${value}n` : value))
  const kept = places(plain).filter(place => !without.some(name => isUnder(place, `*.${name}`)))
  return Object.fromEntries(kept.map(place => [place.join('.'), valueAt(plain, place)]).filter(([, value]) => typeof value !== 'object'))
}

function factsOf (sample: Sample, body: Buffer, without: readonly string[]): object {
  try {
    return facts(sample.parse(body), without)
  } catch (error) {
    return { error: String(error) }
  }
}

for (const [name, sample] of Object.entries(samples)) {
  const { payload, needed, gives } = sample
  const original = Buffer.from(JSON.stringify(payload))

  t.test(`${name}: a field only costs itself`, async t => {
    t.not(sample.parse(original).edits.length, 0)
    for (const path of places(payload)) {
      if (needed.some(pattern => covers(path, pattern) || isUnder(path, pattern))) continue
      const given = Object.entries(gives).filter(([pattern]) => covers(path, pattern) || isUnder(path, pattern)).flatMap(([, names]) => names)
      for (const value of otherValues(valueAt(payload, path))) {
        t.strictSame(factsOf(sample, changed(payload, path, value), given), facts(sample.parse(original), given), `${path.join('.')}: ${JSON.stringify(value)}`)
      }
    }
  })

  t.test(`${name}: numbers may come as their digits, and digits as a number`, async t => {
    for (const path of places(payload)) {
      const value = valueAt(payload, path)
      const other = Number.isInteger(value) ? String(value) : typeof value === 'string' && /^[1-9]\d{0,14}$/.test(value) ? Number(value) : undefined
      if (other === undefined || sample.styles?.some(pattern => isUnder(path, pattern)) === true) continue
      t.strictSame(factsOf(sample, changed(payload, path, other), []), facts(sample.parse(original), []), path.join('.'))
    }
  })

  t.test(`${name}: each field that is needed makes a difference`, async t => {
    const same = JSON.stringify(factsOf(sample, original, []))
    for (const pattern of needed) {
      const bodies = places(payload).filter(place => isUnder(place, pattern))
        .flatMap(path => otherValues(valueAt(payload, path)).map(value => changed(payload, path, value)))
      t.ok(bodies.some(body => JSON.stringify(factsOf(sample, body, [])) !== same), pattern)
    }
  })
}

export type Value = string | number | bigint | null

/** PostgreSQL's text holds every character but this one, of which no messenger has need. */
export function storable<Kept> (value: Kept): Kept | string {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value
}

/**
 * Values in PostgreSQL's own notation of arrays, as `unnest` takes them: `pg` would take three times as long. Of a list that holds nothing
 * unnest makes nulls, beside longer ones; a third of an edit's columns are such.
 */
export function toArray (values: readonly Value[]): string {
  return values.every(value => value === null) ? '{}' : `{${values.map(toElement).join(',')}}`
}

function toElement (value: Value): string {
  if (value === null) return 'NULL'
  if (typeof value !== 'string') return String(value)
  const text = storable(value)
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

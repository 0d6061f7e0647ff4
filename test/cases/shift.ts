const DAY_S = 24 * 60 * 60

/** As far from `now` as a time in a case can be. Other numbers are ids. */
const RANGE_S = 4 * DAY_S

const DATE_TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)(Z|\+00(?::?00)?)$/

/** The same value at another time: all Unix seconds and milliseconds, as numbers or texts, and dates in UTC, keys of objects included. */
export function shift<Value> (value: Value, now: number, to: number): Value {
  const deltaS = to - now
  const isTime = (seconds: number) => Math.abs(seconds - now) < RANGE_S

  function shiftText (text: string): string {
    const [, seconds, fraction] = /^(\d{10})(\.\d+)?$/.exec(text) ?? []
    if (seconds !== undefined && isTime(Number(seconds))) return `${Number(seconds) + deltaS}${fraction ?? ''}`
    if (/^\d{13}$/.test(text)) return String(shiftNumber(Number(text)))
    const [, time, zone] = DATE_TIME.exec(text) ?? []
    return time === undefined ? text : `${new Date(Date.parse(`${time}Z`) + deltaS * 1000).toISOString().slice(0, -1)}${zone}`
  }

  function shiftNumber (number: number): number {
    if (isTime(number)) return number + deltaS
    return isTime(number / 1000) ? number + deltaS * 1000 : number
  }

  function shiftAny (value: unknown): unknown {
    if (typeof value === 'number') return shiftNumber(value)
    if (typeof value === 'string') return shiftText(value)
    if (Array.isArray(value)) return value.map(shiftAny)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [shiftText(key), shiftAny(item)]))
  }
  return shiftAny(value) as Value
}

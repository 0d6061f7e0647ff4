import { EDIT_STATES } from '../edit/edit.ts'
import { storable } from '../text/storable.ts'
import type { EditFilter } from './outbox.ts'

/*
 * The operator's filters as SQL for either engine. Each part reads one index in the order of arrival and stops at the limit. `outbox_state` holds
 * all that a filter asks for, apart from ids, so a filter that nothing matches reads that index and no row of the table.
 */

export interface Selection {
  readonly sql: string
  readonly values: ReadonlyArray<string | number>
}

/** At most `limit` matching rows. */
interface Range {
  /** The cursor: older rows only. */
  readonly after: number | null
  readonly limit: number
}

/** Writes the parameter with a number: `?1` or `$1`. */
type Mark = '?' | '$'

/** Selects `seq`, the newest first. */
export function selectEdits (filter: EditFilter, range: Range, mark: Mark): Selection {
  const { sql, values, limit } = selectParts(filter, range, mark)
  return { sql: `SELECT seq FROM (${sql}) AS found ORDER BY seq DESC LIMIT ${limit}`, values }
}

/** Selects the number of rows as `found`. */
export function countEdits (filter: EditFilter, range: Range, mark: Mark): Selection {
  const { sql, values, limit } = selectParts(filter, range, mark)
  return { sql: `SELECT count(*) AS found FROM (SELECT seq FROM (${sql}) AS parts LIMIT ${limit}) AS counted`, values }
}

/** Each part holds at most as many rows as are wanted, and no row is in two. */
function selectParts (filter: EditFilter, range: Range, mark: Mark): Selection & { readonly limit: string } {
  const values: Array<string | number> = []
  const bind = (value: string | number): string => `${mark}${values.push(value)}`
  const { state, reason, channel, chat, message, confirmation } = filter

  const common: string[] = []
  if (range.after !== null) common.push(`seq < ${bind(range.after)}`)
  if (channel !== undefined) common.push(`channel = ${bind(storable(channel))}`)
  if (confirmation !== undefined) common.push("state = 'delivered'", confirmationCondition(confirmation, bind))
  const asked = reason === undefined ? null : bind(reason)
  const limit = bind(range.limit)
  const part = (...conditions: string[]): string => {
    const all = [...conditions, ...common]
    return `SELECT seq FROM (SELECT seq FROM outbox${all.length > 0 ? ` WHERE ${all.join(' AND ')}` : ''} ORDER BY seq DESC LIMIT ${limit}) AS part`
  }
  const ofState = (each: string): string => `state = '${each}'`

  const parts: string[] = []
  if (chat !== undefined || message !== undefined) {
    const ids = [...chat === undefined ? [] : [`chat = ${bind(storable(chat))}`], ...message === undefined ? [] : [`message = ${bind(storable(message))}`]]
    parts.push(part(...ids, ...state === undefined ? [] : [ofState(state)], ...asked === null ? [] : [`(reason = ${asked} OR refused_reason = ${asked})`]))
  } else if (asked !== null) {
    // Only dead rows have a reason.
    if (state === undefined || state === 'dead') parts.push(part(ofState('dead'), `reason = ${asked}`))
    parts.push(part('refused_reason IS NOT NULL', `refused_reason = ${asked}`, `coalesce(reason <> ${asked}, true)`, ...state === undefined ? [] : [ofState(state)]))
  } else if (state !== undefined || channel !== undefined || confirmation !== undefined) {
    const states = EDIT_STATES.filter(each => (state ?? each) === each && (confirmation === undefined || each === 'delivered'))
    parts.push(...states.map(each => part(ofState(each))))
    if (states.length === 0) parts.push(part('1 = 0'))
  } else parts.push(part())
  return { sql: parts.join(' UNION ALL '), values, limit }
}

/** Conditions that an index answers in half the time of the expression below. */
function confirmationCondition ({ is, window }: NonNullable<EditFilter['confirmation']>, bind: (value: number) => string): string {
  if (is === 'confirmed') return 'confirmed_at IS NOT NULL'
  const isDue = `coalesce(called_at >= ${bind(window.calledSince)} AND finished_at < ${bind(window.deliveredBefore)}, false)`
  return `confirmed_at IS NULL AND ${is === 'unconfirmed' ? isDue : `NOT ${isDue}`}`
}

/** A delivered row's confirmation, as `confirmationOf` derives it. */
export function confirmationSql (calledSince: string, deliveredBefore: string): string {
  return `CASE WHEN confirmed_at IS NOT NULL THEN 'confirmed' WHEN called_at >= ${calledSince} AND finished_at < ${deliveredBefore} THEN 'unconfirmed' ELSE 'unknown' END`
}

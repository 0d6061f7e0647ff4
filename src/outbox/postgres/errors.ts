import { StoreUnavailable } from '../../base/errors.ts'

/**
 * Classes of SQLSTATE that are about the server or the connection, and not about what is stored. 0A also means that a statement was prepared on this
 * connection and a migration has changed its columns since: it fails until the connection is made again.
 */
const ABOUT_THE_SERVER = ['08', '0A', '25', '28', '3D', '40', '53', '55', '57', '58', 'XX']

/** Serialization failure and deadlock: the whole transaction may be tried again at once. */
const CONFLICTS = ['40001', '40P01']

/** Another replica has written a row since it was read: the whole transaction may be tried again at once. */
export class WriteConflict extends Error {
  override name = 'WriteConflict'
}

/** An error of the server itself has a SQLSTATE; one of the way to it has a code of the operating system, or none. */
function sqlState (error: unknown): string | null {
  return error instanceof Error && 'severity' in error && 'code' in error ? String(error.code) : null
}

export function isConflict (error: unknown): boolean {
  return error instanceof WriteConflict || CONFLICTS.includes(sqlState(error) ?? '')
}

/**
 * What a failed verb rejects with: StoreUnavailable when the database could not do it now, else an Error that is a fault of ours. Neither carries
 * the server's `detail`, in which a customer's words may stand.
 */
export function explain (error: unknown, name: string): Error {
  if (!(error instanceof Error) || error instanceof StoreUnavailable) return error as Error
  if (error instanceof TypeError || error instanceof RangeError) return error
  const state = sqlState(error)
  if (state === null) return new StoreUnavailable(`PostgreSQL at ${name} cannot be used: ${networkWords(error)}`)
  if (ABOUT_THE_SERVER.includes(state.slice(0, 2))) return new StoreUnavailable(`PostgreSQL at ${name} cannot be used: ${error.message} (${state})`)
  // A right that is missing, or a table: names and no contents.
  if (state.startsWith('42')) return new Error(`PostgreSQL at ${name} refuses: ${error.message} (${state})`)
  return new Error(`the store failed: SQLSTATE ${state}`)
}

function networkWords (error: Error): string {
  const code = 'code' in error ? String(error.code) : null
  return code ?? error.message
}

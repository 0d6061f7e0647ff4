import { StoreUnavailable } from '../../base/errors.ts'

/**
 * Classes of SQLSTATE that concern the server or the connection, not the data. 0A also means that a migration has changed the columns of a prepared
 * statement; it then fails until we connect again.
 */
const ABOUT_THE_SERVER = ['08', '0A', '25', '28', '3D', '40', '53', '55', '57', '58', 'XX']

/** Serialization failure and deadlock: the transaction may be repeated at once. */
const CONFLICTS = ['40001', '40P01']

/** Another replica has written a row since it was read: the transaction may be repeated at once. */
export class WriteConflict extends Error {
  override name = 'WriteConflict'
}

/** Null for an error of the network, which has a code of the operating system or none. */
function sqlState (error: unknown): string | null {
  return error instanceof Error && 'severity' in error && 'code' in error ? String(error.code) : null
}

export function isConflict (error: unknown): boolean {
  return error instanceof WriteConflict || CONFLICTS.includes(sqlState(error) ?? '')
}

/**
 * The error for the caller: StoreUnavailable when the database cannot be used now, else an Error that is a fault of ours. It never has the
 * server's `detail`, which may contain a customer's text.
 */
export function explain (error: unknown, name: string): Error {
  if (!(error instanceof Error) || error instanceof StoreUnavailable) return error as Error
  if (error instanceof TypeError || error instanceof RangeError) return error
  const state = sqlState(error)
  if (state === null) return new StoreUnavailable(`PostgreSQL at ${name} cannot be used: ${networkWords(error)}`)
  if (ABOUT_THE_SERVER.includes(state.slice(0, 2))) return new StoreUnavailable(`PostgreSQL at ${name} cannot be used: ${error.message} (${state})`)
  // A missing right or table: these messages have names and no contents.
  if (state.startsWith('42')) return new Error(`PostgreSQL at ${name} refuses: ${error.message} (${state})`)
  return new Error(`the store failed: SQLSTATE ${state}`)
}

function networkWords (error: Error): string {
  const code = 'code' in error ? String(error.code) : null
  return code ?? error.message
}

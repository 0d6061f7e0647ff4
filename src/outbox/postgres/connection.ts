import pg from 'pg'
import { StoreUnavailable } from '../../base/errors.ts'
import type { Address } from './address.ts'
import { explain } from './errors.ts'

/*
 * The client is `pg`: it is maintained, it can send queries without waiting for earlier answers (`pipeline`), and each query ends when its
 * connection breaks. `postgres` supports several hosts itself; but at 3.4.9, when a backend ends within a transaction, queries never end or run in
 * another transaction (porsager/postgres issues 1186 and 1216). Here a loop tries the hosts.
 */

export type Client = pg.Client

export const CONNECT_TIMEOUT_MS = 5000

/** A silent connection is probed after this time. */
const KEEP_ALIVE_MS = 10_000

/** A connection is given up if a query is not answered in this time. */
const ANSWER_TIMEOUT_MS = 15_000

/**
 * A replica that is paused within a transaction keeps its rows locked. The server ends that transaction after 5 s, before the lock time-out of
 * the others. The statement time-out is shorter than ours for the connection. Each of our queries has an index, but a server without statistics of
 * a new table would not use it and would read the whole outbox for each commit.
 */
const SETTINGS = `SET idle_in_transaction_session_timeout = '5s'; SET lock_timeout = '8s'; SET statement_timeout = '12s';
  SET default_transaction_isolation = 'read committed'; SET client_min_messages = 'error'; SET enable_seqscan = off`

/** Stricter than `on`: stand-bys have also applied the commit. */
const STRICTER = 'remote_apply'

const INT8 = 20

/** Times, versions and counts fit into a number exactly. */
const types: pg.CustomTypesConfig = { getTypeParser: ((oid: number, format: 'text') => oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser }

export function clientOptions (url: string): pg.ClientConfig {
  return {
    connectionString: url, application_name: 'imconnector-relay', pipeline: true, keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS, types, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, query_timeout: ANSWER_TIMEOUT_MS,
  } as pg.ClientConfig
}

/** A server, and whether it may lose commits in a crash: an operator has allowed it. */
export interface Server extends Address {
  readonly mayBeUnsafe: boolean
}

/** The server may lose commits that it has acknowledged. */
export class UnsafeServer extends StoreUnavailable {}

/** Connects to the host that takes writes. Rejects with StoreUnavailable when none does. */
export async function connect (server: Server): Promise<Client> {
  const { urls, name } = server
  let failure: unknown = null
  for (const url of urls) {
    const client = new pg.Client(clientOptions(url))
    // A running query rejects by itself when the connection breaks. An idle connection is found broken at its next use.
    client.on('error', () => {})
    try {
      await client.connect()
      await prepare(client, server)
      return client
    } catch (error) {
      if (!(failure instanceof UnsafeServer)) failure = error
    }
    discard(client)
  }
  throw explain(failure, name)
}

/** Sets up a new connection and checks its settings. Rejects with StoreUnavailable when the host takes no writes, or may lose them. */
export async function prepare (client: Client, { name, mayBeUnsafe }: Server): Promise<void> {
  const { rows } = await client.query<{ name: string, setting: string }>('SELECT name, setting FROM pg_settings WHERE name IN (\'transaction_read_only\', \'fsync\', \'full_page_writes\')')
  const settings = new Map(rows.map(({ name, setting }) => [name, setting]))
  if (settings.get('transaction_read_only') === 'on') throw new StoreUnavailable(`PostgreSQL at ${name} cannot be used: no host takes writes`)
  const off = ['fsync', 'full_page_writes'].filter(name => settings.get(name) === 'off')
  if (off.length > 0 && !mayBeUnsafe) {
    throw new UnsafeServer(`PostgreSQL at ${name} has ${off.join(' and ')} off, so a crash of its machine can lose acknowledged edits: run ${off.map(name => `"ALTER SYSTEM SET ${name} = on"`).join(', ')} and "SELECT pg_reload_conf()", or set POSTGRES_UNSAFE=true if its storage makes up for it`)
  }
  await client.query(SETTINGS)
  // Set for the session, which overrides the defaults of the server, the database and the role.
  const wanted = await commitSetting(client) === STRICTER ? STRICTER : 'on'
  await client.query(`SET synchronous_commit = ${wanted}`)
  const setting = await commitSetting(client)
  if (setting !== wanted) throw new StoreUnavailable(`PostgreSQL has synchronous_commit = ${setting} after it was set to ${wanted}`)
}

async function commitSetting (client: Client): Promise<string> {
  const { rows: [row] } = await client.query<{ setting: string }>('SELECT current_setting(\'synchronous_commit\') AS setting')
  return row?.setting ?? ''
}

/** Closes a connection without waiting for the server. */
export function discard (client: Client): void {
  client.end().catch(() => {})
}

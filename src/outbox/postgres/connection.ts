import pg from 'pg'
import { StoreUnavailable } from '../../base/errors.ts'
import type { Address } from './address.ts'
import { explain } from './errors.ts'

/*
 * The client is `pg`: it is the one that is looked after, it sends queries without waiting for the answers before (`pipeline`), and each of its
 * queries comes to an end when a connection breaks. `postgres` knows several hosts by itself, but at 3.4.9 a backend that ends within a
 * transaction leaves queries without an end, or lets them run in the transaction of others (porsager/postgres issues 1186 and 1216). Several
 * hosts are a loop here.
 */

export type Client = pg.Client

export const CONNECT_TIMEOUT_MS = 5000

/** How soon a connection that is silent is asked whether it is still there. */
const KEEP_ALIVE_MS = 10_000

/** A connection on which nothing comes back for this long is given up, whatever the network says. */
const ANSWER_TIMEOUT_MS = 15_000

/**
 * A replica that was paused within a transaction keeps its rows from the others; the server ends it after 5 s, before the others lose their
 * patience. Statements end before we give the connection up. Each query of ours has its index, which a server without statistics of a table
 * that grows from nothing would not use: it then reads the whole outbox for each commit.
 */
const SETTINGS = `SET idle_in_transaction_session_timeout = '5s'; SET lock_timeout = '8s'; SET statement_timeout = '12s';
  SET default_transaction_isolation = 'read committed'; SET client_min_messages = 'error'; SET enable_seqscan = off`

/** Asks for even more than `on`: a commit that was told is on disk, and stand-bys show it. */
const STRICTER = 'remote_apply'

const INT8 = 20

/** Times, versions and counts are far from where a number loses its units. */
const types: pg.CustomTypesConfig = { getTypeParser: ((oid: number, format: 'text') => oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser }

/** How the relay connects to one host. */
export function clientOptions (url: string): pg.ClientConfig {
  return {
    connectionString: url, application_name: 'imconnector-relay', pipeline: true, keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS, types, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, query_timeout: ANSWER_TIMEOUT_MS,
  } as pg.ClientConfig
}

/** Connects to the host that takes writes. Rejects with StoreUnavailable when none does. */
export async function connect ({ urls, name }: Address): Promise<Client> {
  let failure: unknown = null
  for (const url of urls) {
    const client = new pg.Client(clientOptions(url))
    // Each query hears of a broken connection by itself; an idle connection is found broken when it is used.
    client.on('error', () => {})
    try {
      await client.connect()
      await prepare(client, name)
      return client
    } catch (error) {
      failure = error
    }
    discard(client)
  }
  throw explain(failure, name)
}

/** Makes the settings of a new connection and asserts them. Rejects with StoreUnavailable when the host takes no writes. */
export async function prepare (client: Client, name: string): Promise<void> {
  const { rows: [server] } = await client.query<{ read_only: string }>('SELECT current_setting(\'transaction_read_only\') AS read_only')
  if (server?.read_only === 'on') throw new StoreUnavailable(`PostgreSQL at ${name} cannot be used: no host takes writes`)
  await client.query(SETTINGS)
  // Set in each session, where no later default of the server, its database or its role can undo it.
  const wanted = await commitSetting(client) === STRICTER ? STRICTER : 'on'
  await client.query(`SET synchronous_commit = ${wanted}`)
  const setting = await commitSetting(client)
  if (setting !== wanted) throw new StoreUnavailable(`PostgreSQL answered synchronous_commit = ${setting} where ${wanted} was asked for`)
}

async function commitSetting (client: Client): Promise<string> {
  const { rows: [row] } = await client.query<{ setting: string }>('SELECT current_setting(\'synchronous_commit\') AS setting')
  return row?.setting ?? ''
}

/** Ends a connection without waiting for its other end. */
export function discard (client: Client): void {
  client.end().catch(() => {})
}

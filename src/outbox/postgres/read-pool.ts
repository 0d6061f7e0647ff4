import pg from 'pg'
import { ShuttingDown, StoreUnavailable } from '../../base/errors.ts'
import { clientOptions, CONNECT_TIMEOUT_MS, prepare, type Client, type Server } from './connection.ts'
import { explain } from './errors.ts'

/** An operator's query may take long; webhooks and the courier have connections of their own. */
const MAX_CONNECTIONS = 4

export interface ReadPool {
  /** Runs a read on a connection of its own. Rejects with StoreUnavailable, ShuttingDown or a fault of ours. */
  run<Result> (work: (client: Client) => Promise<Result>): Promise<Result>
  close (): Promise<void>
}

/** Connections for the operator's queries, each to the host that takes writes. */
export function createReadPool (server: Server): ReadPool {
  const { urls, name } = server
  let host = 0

  class HostClient extends pg.Client {
    constructor () {
      super(clientOptions(urls[host] as string))
    }
  }

  const pool = new pg.Pool({ Client: HostClient, max: MAX_CONNECTIONS, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, onConnect: (client: Client) => prepare(client, server) } as unknown as pg.PoolConfig)
  // The pool replaces an idle connection that breaks.
  pool.on('error', () => {})

  /** An idle or new connection. If a host fails, the next one is tried. */
  async function acquire (): Promise<pg.PoolClient> {
    for (let tries = 1; ; tries++) {
      const tried = host
      try {
        return await pool.connect()
      } catch (error) {
        // Another query may already have switched from this host to the next.
        if (host === tried) host = (host + 1) % urls.length
        if (tries === urls.length) throw error
      }
    }
  }

  async function perform<Result> (work: (client: Client) => Promise<Result>): Promise<Result> {
    const client = await acquire()
    let isBroken = false
    try {
      return await work(client as unknown as Client)
    } catch (error) {
      isBroken = explain(error, name) instanceof StoreUnavailable
      throw error
    } finally {
      client.release(isBroken)
    }
  }

  return {
    async run (work) {
      if (pool.ending) throw new ShuttingDown('the store is closed')
      return await perform(work).catch((error: unknown) => { throw explain(error, name) })
    },

    async close () {
      if (!pool.ending) await pool.end()
    },
  }
}

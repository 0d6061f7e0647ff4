import { setTimeout as sleep } from 'node:timers/promises'
import { ShuttingDown, StoreUnavailable } from '../../base/errors.ts'
import { discard, type Client } from './connection.ts'
import { explain, isConflict } from './errors.ts'

/** Tries of a transaction that conflicts with others. */
const MAX_TRIES = 10

const CLOSE_WITHIN_MS = 2000

export interface Link {
  /** Runs work on the connection, one at a time and in order. Rejects with StoreUnavailable, ShuttingDown or a fault of ours. */
  run<Result> (work: (client: Client) => Promise<Result>): Promise<Result>
  /** Runs work in a transaction; repeats it after a conflict with another one. */
  transact<Result> (work: (client: Client) => Promise<Result>): Promise<Result>
  close (): Promise<void>
}

interface LinkOptions {
  readonly name: string
  readonly connect: () => Promise<Client>
  /** Prepares each new connection. */
  readonly onConnected?: (client: Client) => Promise<void>
}

/** One connection. It connects when it is first needed, and again after it broke. */
export function createLink ({ name, connect, onConnected }: LinkOptions): Link {
  let client: Client | null = null
  let last: Promise<unknown> = Promise.resolve()
  let isClosed = false

  async function connected (): Promise<Client> {
    if (client !== null) return client
    const fresh = await connect()
    fresh.once('end', () => { if (client === fresh) client = null })
    try {
      await onConnected?.(fresh)
    } catch (error) {
      discard(fresh)
      throw error
    }
    client = fresh
    return fresh
  }

  async function perform<Result> (work: (client: Client) => Promise<Result>): Promise<Result> {
    try {
      return await work(await connected())
    } catch (error) {
      const explained = explain(error, name)
      // Later answers of the interrupted pipeline must not reach other queries.
      if (explained instanceof StoreUnavailable && client !== null) {
        discard(client)
        client = null
      }
      throw explained
    }
  }

  function run<Result> (work: (client: Client) => Promise<Result>): Promise<Result> {
    if (isClosed) return Promise.reject(new ShuttingDown('the store is closed'))
    const result = last.then(() => perform(work))
    last = result.catch(() => {})
    return result
  }

  return {
    run,

    transact: work => run(client => repeated(() => inTransaction(client, work))),

    async close () {
      isClosed = true
      await last
      await Promise.race([client?.end(), sleep(CLOSE_WITHIN_MS, undefined, { ref: false })])
    },
  }
}

async function repeated<Result> (attempt: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (tries === MAX_TRIES || !isConflict(error)) throw error
    }
  }
}

async function inTransaction<Result> (client: Client, work: (client: Client) => Promise<Result>): Promise<Result> {
  try {
    const [, result] = await Promise.all([client.query('BEGIN'), work(client)])
    const { command } = await client.query('COMMIT')
    if (command !== 'COMMIT') throw new Error('the transaction was rolled back')
    return result
  } catch (error) {
    // A connection that cannot even roll back is broken, and that error is the one to report.
    await client.query('ROLLBACK')
    throw error
  }
}

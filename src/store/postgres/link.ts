import { setTimeout as sleep } from 'node:timers/promises'
import { ShuttingDown, StoreUnavailable } from '../../errors.ts'
import { discard, send, type Client, type Statement } from './connection.ts'
import { explain, isConflict } from './errors.ts'

/** How often a transaction is tried that lost against another one. */
const MAX_TRIES = 10

const FAREWELL_MS = 2000

/** What is left of a transaction once all is read: its result, and the writes that end it. */
export interface Ending<Result> {
  readonly result: Result
  readonly writes: readonly Statement[]
}

export interface Link {
  /** Runs work on the connection, one at a time and in order. Rejects with StoreUnavailable, ShuttingDown or a fault of ours. */
  run<Result> (work: (client: Client) => Promise<Result>): Promise<Result>
  /** Runs work in a transaction, again when it lost against another one; `tries` counts from 0. */
  transact<Result> (work: (client: Client, tries: number) => Promise<Result>): Promise<Result>
  /** The same with one way to the server less: the last writes and the commit go together, so that what forbids the commit must fail on the server. */
  transactAtOnce<Result> (work: (client: Client, tries: number) => Promise<Ending<Result>>): Promise<Result>
  close (): Promise<void>
}

export interface LinkOptions {
  readonly name: string
  readonly connect: () => Promise<Client>
  /** Prepares each new connection. */
  readonly onConnected?: (client: Client) => Promise<void>
}

/** One connection, made when it is needed and made again after it broke. */
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
      // What an interrupted pipeline has still to answer belongs to nobody.
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

    transact: work => run(client => repeated(tries => inTransaction(client, async () => ({ result: await work(client, tries), writes: [] })))),
    transactAtOnce: work => run(client => repeated(tries => inTransaction(client, () => work(client, tries)))),

    async close () {
      isClosed = true
      await last
      // A server that does not answer is not waited for.
      await Promise.race([client?.end(), sleep(FAREWELL_MS, undefined, { ref: false })])
    },
  }
}

async function repeated<Result> (attempt: (tries: number) => Promise<Result>): Promise<Result> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt(tries)
    } catch (error) {
      if (tries + 1 === MAX_TRIES || !isConflict(error)) throw error
    }
  }
}

async function inTransaction<Result> (client: Client, work: () => Promise<Ending<Result>>): Promise<Result> {
  try {
    const [, { result, writes }] = await Promise.all([client.query('BEGIN'), work()])
    // After a write that failed, which is what rejects here, the server takes the commit for a rollback.
    const [, { command }] = await Promise.all([send(client, writes), client.query('COMMIT')])
    if (command !== 'COMMIT') throw new Error('the transaction was rolled back')
    return result
  } catch (error) {
    // A connection that cannot even roll back is broken, which then is what there is to tell.
    await client.query('ROLLBACK')
    throw error
  }
}

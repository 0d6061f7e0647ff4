import { once } from 'node:events'
import { createServer, connect as connectTo, type AddressInfo, type Socket } from 'node:net'
import pg from 'pg'
import type { Test } from 'tap'
import { openPostgresStore } from '../../../src/outbox/postgres/postgres.ts'
import type { Store } from '../../../src/outbox/store.ts'

export const LANE = { connector: 'relay_demo', line: 1, channel: 'default' }

export async function open (t: Test, databaseUrl: string, leaseMs = 60_000, now = () => 1000): Promise<Store> {
  const store = await openPostgresStore({ databaseUrl, waitMs: 0, now, leaseMs })
  t.teardown(() => store.close())
  return store
}

/** A connection beside the store, in the same schema. */
export async function connect (t: Test, databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.end())
  return client
}

export type Wire = Awaited<ReturnType<typeof startWire>>

/** A way to the server that can be cut and given back. `pass` may change what goes to the server. */
export async function startWire (t: Test, databaseUrl: string, pass = (sent: Buffer) => sent) {
  const { hostname, port } = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let isCut = false
  let lost: { readonly words: string, readonly sent: () => void } | null = null
  const server = createServer(socket => {
    if (isCut) return socket.destroy()
    const other = connectTo(Number(port), hostname)
    for (const each of [socket, other]) {
      sockets.add(each)
      each.on('error', () => {}).on('close', () => { socket.destroy(); other.destroy() })
    }
    socket.on('data', (chunk: Buffer) => {
      if (lost !== null && chunk.includes(lost.words)) {
        other.unpipe(socket).resume()
        lost.sent()
        lost = null
      }
      other.write(pass(chunk))
    })
    other.pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(databaseUrl)
  url.port = String((server.address() as AddressInfo).port)
  const cut = (): void => {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(() => { cut(); server.close() })
  return {
    url: url.href,
    cut,
    mend: () => { isCut = false },
    /** Lets nothing come back on the connection that sends `words` next; fulfilled when they are on their way to the server. */
    loseAnswerTo: (words: string): Promise<void> => new Promise(resolve => { lost = { words, sent: resolve } }),
  }
}

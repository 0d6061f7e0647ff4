import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { openArena, type Arena } from '../arena.ts'
import { createSenders } from '../load.ts'
import { drain, judge, until, type Report } from '../verdict.ts'

const CONNECTIONS = 10_000
const SPARE_FILES = 1000
/** If slow connections blocked the relay, it would answer only after their time-out of 15 s. */
const ANSWER_WITHIN_MS = 5000
const DRIP_EVERY_MS = 4000

/** Slowloris: connections that send their requests byte by byte, half of them in the headers and half in the body. */
export async function slowConnections (rounds: number): Promise<Report> {
  const cannot = cannotConnect()
  if (cannot !== false) throw new Error(cannot)
  const arena = await openArena()
  const sockets: Socket[] = []
  try {
    const faults: string[] = []
    const senders = createSenders(arena)
    for (let round = 1; round <= rounds; round++) {
      sockets.length = 0
      let answered = 0
      for (let opened = 0; opened < CONNECTIONS; opened += 500) {
        await Promise.all(Array.from({ length: Math.min(500, CONNECTIONS - opened) }, async (_, index) => {
          const socket = await dripping(arena, index % 2 === 0)
          socket.on('data', data => { if (data.toString('latin1').startsWith('HTTP/1.1 408')) answered++ })
          sockets.push(socket)
        }))
      }
      const drip = setInterval(() => { for (const socket of sockets) if (socket.writable) socket.write('a') }, DRIP_EVERY_MS)
      try {
        for (let probe = 0; probe < 10; probe++) faults.push(...await health(arena))
        for (const name of arena.names.slice(0, 5)) if ((await senders.edit(name)).status !== 202) faults.push('a webhook was not acknowledged')
        if (!await until(async () => (await arena.status()).ledger.pending === 0)) faults.push('edits are not delivered')
        if (!await until(async () => answered === CONNECTIONS, 40_000)) faults.push(`only ${answered} of ${CONNECTIONS} slow requests were ended with 408`)
        faults.push(...await health(arena))
      } finally {
        clearInterval(drip)
      }
    }
    await drain(arena, senders)
    return await judge(arena, senders, { scenario: 'slow connections', rounds, faults, notes: [`${CONNECTIONS} at a time`] })
  } finally {
    for (const socket of sockets) socket.destroy()
    await arena.close()
  }
}

async function dripping (arena: Arena, inHeaders: boolean): Promise<Socket> {
  const { hostname, port } = new URL(arena.url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.on('error', () => {})
  await once(socket, 'connect')
  const headers = 'POST /webhooks/default HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n'
  socket.write(inHeaders ? `${headers}X-Slow: ` : `${headers}\r\n{`)
  return socket
}

async function health (arena: Arena): Promise<string[]> {
  const faults: string[] = []
  for (const path of ['/livez', '/readyz'] as const) {
    const { status, tookMs } = await arena.probe(path)
    if (status !== 200 || tookMs > ANSWER_WITHIN_MS) faults.push(`${path}: ${status} after ${tookMs} ms`)
  }
  return faults
}

/** Why so many connections are not possible here, else false. Node has already raised its limit as far as allowed. */
export function cannotConnect (): string | false {
  const { userLimits: { open_files: { soft } } } = process.report.getReport() as unknown as { userLimits: { open_files: { soft: number | 'unlimited' } } }
  if (soft === 'unlimited' || soft >= CONNECTIONS + SPARE_FILES) return false
  return `a process may open ${soft} files here: allow ${CONNECTIONS + SPARE_FILES} (ulimit -n)`
}

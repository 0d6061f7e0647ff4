import { connect, type Socket } from 'node:net'
import type { Running } from '../demo/processes.ts'

/*
 * A load of prepared requests over keep-alive connections. Each connection waits for the answer before it sends the next request. The client only
 * writes prepared bytes, because it shares the cores with the server that it measures.
 */

/**
 * The engine compiles hot code during the first 80,000 webhooks. A relay runs for weeks, so they are not measured. A fast server ends the warm-up with
 * the last request, before the time is over.
 */
export const WARM_UP = { requests: 100_000, durationMs: 20_000 }

export type Servers = Running | readonly Running[]

export interface LoadOptions {
  /** Several servers share the connections. */
  readonly servers: Servers
  readonly connections: number
  readonly requests: readonly Buffer[]
  /** The load ends after this time or with the last request, whichever comes first. */
  readonly durationMs: number
}

export interface LoadResult {
  readonly answered: number
  readonly durationMs: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Rejects if a request was not answered 2xx. */
export async function runLoad (options: LoadOptions): Promise<LoadResult> {
  const { connections, requests, durationMs } = options
  const servers = [options.servers].flat()
  const latencies: number[] = []
  let next = 0
  let failed = 0
  const started = performance.now()

  async function runConnection ({ port }: Running): Promise<void> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    const readStatus = createStatusReader(socket)
    while (next < requests.length && performance.now() - started < durationMs) {
      const sentAt = performance.now()
      socket.write(requests[next++] as Buffer)
      const status = await readStatus()
      latencies.push(performance.now() - sentAt)
      if (status < 200 || status > 299) failed++
    }
    socket.destroy()
  }

  await Promise.all(Array.from({ length: connections }, (_, index) => runConnection(servers[index % servers.length] as Running)))
  const elapsedMs = performance.now() - started
  if (failed > 0) throw new Error(`${failed} of ${latencies.length} requests failed:\n${servers.map(server => server.output().slice(-2000)).join('\n')}`)
  latencies.sort((a, b) => a - b)
  return {
    answered: latencies.length,
    durationMs: elapsedMs,
    perSecond: latencies.length / elapsedMs * 1000,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
  }
}

/** The percentile `part` (0 to 1) of sorted values; 0 if there are none. */
export function percentile (sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

export function postRequest (path: string, headers: Readonly<Record<string, string>>, body: string): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${lines}\r\n${body}`)
}

/** Reads answers that have a `content-length`, one for each call; rejects when the connection ends instead. */
function createStatusReader (socket: Socket): () => Promise<number> {
  let received = ''
  let waiting: PromiseWithResolvers<number> | null = null
  socket.setEncoding('latin1')
  socket.on('data', (data: string) => {
    received += data
    const end = received.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = /\r\ncontent-length: (\d+)/i.exec(received.slice(0, end))
    const total = end + 4 + Number(length?.[1] ?? 0)
    if (received.length < total) return
    const status = Number(received.slice(9, 12))
    received = received.slice(total)
    waiting?.resolve(status)
  })
  socket.on('error', error => waiting?.reject(error))
  socket.on('close', () => waiting?.reject(new Error('the server closed the connection')))
  return async () => {
    waiting = Promise.withResolvers<number>()
    return await waiting.promise
  }
}

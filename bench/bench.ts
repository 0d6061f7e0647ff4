import { cpus, tmpdir } from 'node:os'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startProcess, startRelayProcess, type Running } from '../demo/processes.ts'
import { runLoad, type LoadResult } from './load.ts'
import { measureLatency } from './latency.ts'
import { prepareWebhooks, SECRET } from './webhooks.ts'

/*
 * What the relay costs, as ratios of numbers taken in one run on one machine. The load generator shares the machine with the
 * server, so the absolute numbers are lower than a server alone would reach; it is the same for both sides of a ratio.
 */

const CONNECTIONS = 64
const WARM_UP_MS = 2000
const MEASURE_MS = 8000
const ROUNDS = 2

const folder = await mkdtemp(join(tmpdir(), 'imconnector-relay-bench-'))
try {
  console.log(`${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, Node ${process.version}; load generator on the same machine, ${CONNECTIONS} connections\n`)
  const noop: LoadResult[] = []
  const relay: LoadResult[] = []
  for (let round = 0; round < ROUNDS; round++) {
    noop.push(await measure(await startProcess({ script: 'bench/noop.ts', env: {}, readyPath: '/' })))
    relay.push(await measure(await startRelayProcess(relayEnv(`ack-${round}`))))
  }
  const a = best(noop)
  const b = best(relay)
  const latency = await measureLatency(join(folder, 'latency.db'))
  console.log('                                                      requests/s   p50 ms   p99 ms')
  printLoad('(a) a Fastify route that does nothing', a)
  printLoad('(b) the relay, acknowledged at synchronous=FULL', b)
  console.log(`\n(b) / (a) = ${(b.perSecond / a.perSecond).toFixed(2)}   (aim: 0.50 or more, and p99 of (b) under 25 ms)`)
  console.log(`(c) arrival of a webhook → start of the call to the portal, ${latency.samples} webhooks at light load, SETTLE_MS=0, synchronous=FULL: p50 ${latency.p50Ms.toFixed(1)} ms, p99 ${latency.p99Ms.toFixed(1)} ms   (aim: p50 under 10 ms)`)
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** The settle time keeps the courier out of (b): what is measured is the acknowledgement. The portal is never called. */
function relayEnv (name: string): Record<string, string> {
  return {
    BITRIX24_PORTAL_URL: 'http://127.0.0.1:9',
    BITRIX24_CONNECTOR: 'relay_demo',
    BITRIX24_LINE: '1',
    WEBHOOK_SECRET: SECRET,
    WEBHOOK_RATE_LIMIT: '1000000',
    SETTLE_MS: '600000',
    DATABASE_URL: `file:${join(folder, name)}.db`,
  }
}

async function measure (server: Running): Promise<LoadResult> {
  const { port } = server
  await runLoad({ port, connections: CONNECTIONS, requests: prepareWebhooks(60_000), durationMs: WARM_UP_MS })
  const result = await runLoad({ port, connections: CONNECTIONS, requests: prepareWebhooks(400_000, 60_000), durationMs: MEASURE_MS })
  await server.stop()
  if (result.failed > 0) throw new Error(`${result.failed} of ${result.answered} requests failed:\n${server.output().slice(-2000)}`)
  return result
}

function best (results: readonly LoadResult[]): LoadResult {
  return results.reduce((one, other) => other.perSecond > one.perSecond ? other : one)
}

function printLoad (title: string, { perSecond, p50Ms, p99Ms }: LoadResult): void {
  console.log(`${title.padEnd(52)}  ${Math.round(perSecond).toString().padStart(10)}   ${p50Ms.toFixed(1).padStart(6)}   ${p99Ms.toFixed(1).padStart(6)}`)
}

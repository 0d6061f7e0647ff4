import { cpus } from 'node:os'
import { join } from 'node:path'
import { startProcess, startRelayProcess } from '../demo/processes.ts'
import { startPostgres } from '../test/postgres.ts'
import { alternate, CONNECTIONS, ratio, type Measured } from './alternate.ts'
import { measureBacklog } from './backlog.ts'
import { measureConsole, type ConsoleResult } from './console.ts'
import { measureDrain } from './drain.ts'
import { measureEvents } from './events.ts'
import type { LoadResult } from './load.ts'
import { measureLatency } from './latency.ts'
import { measureMessengers } from './messengers.ts'
import { runProgram } from './program.ts'
import { measureReplicas } from './replicas.ts'
import { unreachablePortalEnv } from './webhooks.ts'

/*
 * Measures the relay in one run on one machine, as ratios. The load generator shares the machine with the server, so absolute numbers are lower than
 * those of a server alone. Both sides of a ratio are affected alike.
 */

await runProgram(async ({ folder }) => {
  console.log(`${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, Node ${process.version}; load generator on the same machine, ${CONNECTIONS} connections`)
  console.log('SQLite in WAL mode at synchronous=FULL; rate limit on, but too high to refuse; log at its default\n')
  const { a, b } = await measureAcknowledgement(folder)
  console.log('                                                      requests/s   p50 ms   p99 ms')
  printLoad('(a) a Fastify route that does nothing', a)
  printLoad('(b) the relay, acknowledged after its commit', b)
  console.log(`    (b) / (a) = ${ratio(b, a).toFixed(2)}   (aim: 0.28 or more, and p99 of (b) under 30 ms)`)

  const latency = await measureLatency(join(folder, 'latency.db'))
  console.log(`(c) arrival of a webhook → start of the call to the portal, ${latency.samples} at light load, SETTLE_MS=0: p50 ${latency.p50Ms.toFixed(1)} ms, p99 ${latency.p99Ms.toFixed(1)} ms   (aim: p50 under 10 ms)`)

  const drain = await measureDrain(folder)
  console.log(`(d) ${drain.edits} pending edits of ${drain.messages} messages: ${drain.calls} calls in ${(drain.drainMs / 1000).toFixed(1)} s, against ${drain.edits} with a call for each edit`)
  printLoad('    webhooks acknowledged while such a backlog drains', drain.load)

  const backlog = await measureBacklog(folder)
  console.log(`(e) with ${backlog.rows} edits pending: ready ${(backlog.readyMs / 1000).toFixed(2)} s after the start (aim: under 1 s), ${Math.round(backlog.residentMiB)} MiB resident under load (aim: under 200)`)
  printLoad('    the relay, acknowledged after its commit', backlog.load)
  console.log(`    p99 (e) / p99 (b) = ${(backlog.load.p99Ms / b.p99Ms).toFixed(2)}   (aim: 2 or less)`)

  console.log('(f) the relay, acknowledged after its commit, by messenger; ratio to the generic channel on the same relay   (aim: 0.60 or more)')
  for (const { name, load, ratio } of await measureMessengers(folder)) printLoad(`    ${name.padEnd(12)} ${ratio.toFixed(2)}`, load)

  const { one, three } = await measureReplicas()
  console.log('(g) acknowledged after a commit on PostgreSQL (synchronous_commit=on), which has the same cores')
  printLoad('    one relay', one)
  printLoad('    three relays, the same load spread over them', three)

  const events = await measureEvents(folder)
  console.log(`(h) webhooks acknowledged while the portal reports ${Math.round(events.eventsPerSecond)} edits a second: ${ratio(events.during, events.without).toFixed(2)} of the rate without   (aim: 0.90 or more)`)
  printLoad('    without reports', events.without)
  printLoad('    with reports', events.during)

  for (const [engine, pages] of [['SQLite', await measureConsole(`file:${join(folder, 'console.db')}`)], ['PostgreSQL', await measureConsoleOnPostgres()]] as const) printConsole(engine, pages)
})

async function measureAcknowledgement (folder: string): Promise<{ a: Measured, b: Measured }> {
  const noop = await startProcess({ script: 'bench/noop.ts', env: {}, readyPath: '/' })
  const relay = await startRelayProcess(unreachablePortalEnv(join(folder, 'ack.db')))
  const [a, b] = await alternate([noop, relay]) as [Measured, Measured]
  await noop.stop()
  await relay.stop()
  return { a, b }
}

async function measureConsoleOnPostgres (): Promise<ConsoleResult> {
  const postgres = await startPostgres()
  const result = await measureConsole(await postgres.schema())
  await postgres.stop()
  return result
}

function printConsole (engine: string, { rows, pages, pagesPerSecond, without, during }: ConsoleResult): void {
  console.log(`(i) the pages of the console with ${rows} finished edits on ${engine}, p95 in ms   (aim: 300 or less)`)
  for (const { path, p95Ms } of pages) console.log(`    ${path.padEnd(48)}  ${p95Ms.toFixed(1).padStart(6)}`)
  console.log(`    webhooks acknowledged while ${pagesPerSecond.toFixed(1)} pages a second are read: ${ratio(during, without).toFixed(2)} of the rate without, p99 ${(during.p99Ms / without.p99Ms).toFixed(2)}`)
  printLoad('    without pages', without)
  printLoad('    with pages', during)
}

function printLoad (title: string, { perSecond, p50Ms, p99Ms }: LoadResult): void {
  console.log(`${title.padEnd(52)}  ${Math.round(perSecond).toString().padStart(10)}   ${p50Ms.toFixed(1).padStart(6)}   ${p99Ms.toFixed(1).padStart(6)}`)
}

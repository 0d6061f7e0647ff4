import { mkdir } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnector } from '../../demo/connector.ts'
import { sandboxEnv, startProcess, startRelayProcess, startSandboxProcess, type Running } from '../../demo/processes.ts'
import { startPostgres } from '../../test/postgres.ts'
import { readSecret, signStandardWebhook } from '../../src/signatures/standard-webhooks.ts'
import { alternate, CONNECTIONS, ratio, type Measured } from '../alternate.ts'
import { SECRET, unreachablePortalEnv } from '../webhooks.ts'
import { runProgram } from '../program.ts'
import { startRedis } from './redis.ts'

/*
 * The relay beside what people build for the same job out of general parts: each acknowledges a signed webhook after its own durable
 * write, in the same run on the same machine; and what stands in the portal after ten edits of a message that has to wait.
 */

const SETTLE_MS = 500
/** How often the portal answers 503 before it takes an edit. */
const REFUSALS = 2
const QUIET_MS = 6000

interface Portal {
  readonly url: string
  /** The connector's, which a peer uses too. */
  readonly token: string
}

interface Contestant {
  readonly title: string
  /** Without a portal nothing is delivered, so that only the acknowledgement is measured. */
  start (name: string, portal: Portal | null, env?: Record<string, string>): Promise<Running>
}

await runProgram(async ({ folder, ends }) => {
  const postgres = await startPostgres()
  ends.defer(postgres.stop)

  // Who is compared with whom stands side by side, as in a round of the race.
  const contestants: Contestant[] = [
    {
      title: 'imconnector-relay, SQLite (synchronous=FULL)',
      start: async (name, portal) => await startRelayProcess(relayEnv(`file:${join(folder, `${name}.db`)}`, portal)),
    },
    {
      title: 'Fastify + BullMQ, Redis (appendfsync always)',
      // A Redis for each: a queue that another has filled would slow it down.
      start: async (name, portal, env) => {
        await mkdir(join(folder, `redis_${name}`))
        const redis = await startRedis(join(folder, `redis_${name}`))
        ends.defer(redis.stop)
        return await startPeer('bullmq.ts', { ...env, REDIS_PORT: String(redis.port) }, portal)
      },
    },
    {
      title: 'imconnector-relay, PostgreSQL',
      start: async (_name, portal) => await startRelayProcess(relayEnv(await postgres.schema(), portal)),
    },
    {
      title: 'Fastify + pg-boss, PostgreSQL',
      start: async (name, portal, env) => await startPeer('pg-boss.ts', { ...env, DATABASE_URL: await postgres.schema(), BOSS_SCHEMA: `boss_${name}` }, portal),
    },
  ]

  console.log(`${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, Node ${process.version}; load generator, Redis and PostgreSQL on the same machine, ${CONNECTIONS} connections\n`)
  await race(contestants, contestants.filter(({ title }) => title.startsWith('Fastify')))
  console.log(`ten edits of one message, the last two overtaking each other, while the portal answers 503 ${REFUSALS} times`)
  for (const { title, start } of contestants) console.log(`${title.padEnd(48)}  ${await tellStory(start)}`)
})

/** All of them side by side, and the peers once more with the relay's other duties. */
async function race (contestants: readonly Contestant[], peers: readonly Contestant[]): Promise<void> {
  const servers: Running[] = []
  for (const { start } of contestants) servers.push(await start('rate', null))
  for (const { start } of peers) servers.push(await start('door', null, { SAME_DOOR: 'yes' }))
  const loads = await alternate(servers)
  await Promise.all(servers.map(server => server.stop()))

  console.log('acknowledged after a durable write                requests/s   p50 ms   p99 ms')
  const titles = [...contestants, ...peers].map(({ title }) => title)
  for (const [index, { perSecond, p50Ms, p99Ms }] of loads.entries()) {
    if (index === contestants.length) console.log('the same two, with the relay\'s other duties at the door: rate limit, validation, a line of log')
    console.log(`${titles[index]?.padEnd(48)}  ${Math.round(perSecond).toString().padStart(10)}   ${p50Ms.toFixed(1).padStart(6)}   ${p99Ms.toFixed(1).padStart(6)}`)
  }
  const [sqlite, bullmq, relayPostgres, boss, bullmqDoor, bossDoor] = loads as [Measured, Measured, Measured, Measured, Measured, Measured]
  console.log(`SQLite / BullMQ = ${ratio(sqlite, bullmq).toFixed(2)}   (aim: 1.3 or more), with the same duties ${ratio(sqlite, bullmqDoor).toFixed(2)}`)
  console.log(`PostgreSQL / pg-boss = ${ratio(relayPostgres, boss).toFixed(2)}   (aim: 5 or more), with the same duties ${ratio(relayPostgres, bossDoor).toFixed(2)}\n`)
}

function relayEnv (databaseUrl: string, portal: Portal | null): Record<string, string> {
  const base = portal === null ? unreachablePortalEnv('') : { ...sandboxEnv(portal.url), WEBHOOK_SECRET: SECRET, SETTLE_MS: String(SETTLE_MS) }
  return { ...base, DATABASE_URL: databaseUrl }
}

async function startPeer (script: string, env: Record<string, string>, portal: Portal | null): Promise<Running> {
  const delivery: Record<string, string> = portal === null ? { SETTLE_MS: '600000' } : { SETTLE_MS: String(SETTLE_MS), BITRIX24_PORTAL_URL: portal.url, BITRIX24_TOKEN: portal.token }
  return await startProcess({ script: `bench/peers/${script}`, env: { WEBHOOK_SECRET: SECRET, ...env, ...delivery }, readyPath: '/' })
}

/** What stood in the portal at the end, what stood there on the way, and the calls that it took. */
async function tellStory (start: Contestant['start']): Promise<string> {
  const sandbox = await startSandboxProcess()
  const connector = await createConnector({ portalUrl: sandbox.url })
  const chat = { id: 'channel-123', name: 'Support' }
  const user = { id: '42', name: 'Ivan', last_name: 'Petrov' }
  await connector.send([{ user, message: { id: 'm-1', text: 'original' }, chat }])
  await post(`${sandbox.url}/sandbox/faults`, JSON.stringify([{ method: 'imconnector.update.messages', fault: '503', times: REFUSALS }]))
  const server = await start('story', { url: sandbox.url, token: connector.token })

  const startS = Math.floor(Date.now() / 1000)
  const key = readSecret(SECRET) ?? Buffer.alloc(0)
  for (const number of [1, 2, 3, 4, 5, 6, 7, 8, 10, 9]) {
    const edit = { user, message: { id: 'm-1', edited_at: startS + number, text: `edit ${number}` }, chat }
    const body = JSON.stringify({ type: 'message.edited', timestamp: new Date().toISOString(), data: edit })
    await post(`${server.url}/webhooks/default`, body, signStandardWebhook(key, body, Date.now()))
    // The first edits have begun to wait for the portal when the others come.
    if (number === 5) await sleep(2 * SETTLE_MS)
  }

  const read = async <Value> (path: string): Promise<Value> => await (await fetch(`${sandbox.url}/sandbox/${path}`)).json() as Value
  const seeCalls = async () => (await read<Array<{ method: string }>>('calls')).filter(({ method }) => method === 'imconnector.update.messages').length
  let calls = await seeCalls()
  for (let quietSince = performance.now(); performance.now() - quietSince < QUIET_MS; await sleep(100)) {
    const now = await seeCalls()
    if (now !== calls) quietSince = performance.now()
    calls = now
  }
  const [message] = await read<Array<{ text: string, history: Array<{ text: string }> }>>('messages?message=m-1')
  await server.stop()
  await sandbox.stop()
  return `${message?.text === 'edit 10' ? 'newest' : 'NOT THE NEWEST'}: "${message?.text}" after ${calls} calls (${message?.history.map(({ text }) => text).join(' → ')})`
}

async function post (url: string, body: string, headers: Record<string, string> = {}): Promise<void> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
}

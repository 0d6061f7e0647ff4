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
 * Compares the relay with typical solutions built from general queues, in one run on one machine. Each acknowledges a signed webhook after its durable
 * write. The second part shows the portal's text after ten edits of a message that has to wait.
 */

const SETTLE_MS = 500
/** How often the portal answers 503 before it takes an edit. */
const REFUSALS = 2
const QUIET_MS = 6000

interface Portal {
  readonly url: string
  /** The connector's token, which peers use too. */
  readonly token: string
}

interface Contestant {
  readonly title: string
  /** Without a portal nothing is delivered: only the acknowledgement is measured. */
  start (name: string, portal: Portal | null, env?: Record<string, string>): Promise<Running>
}

/** The relay and a peer with a comparable store. */
interface Pair {
  readonly name: string
  readonly aim: number
  readonly relay: Contestant
  readonly peer: Contestant
}

await runProgram(async ({ folder, ends }) => {
  // A server for each: the data of others would slow it down, for example by a vacuum.
  const startSchema = async (): Promise<string> => {
    const postgres = await startPostgres()
    ends.defer(postgres.stop)
    return await postgres.schema()
  }
  const startOwnRedis = async (name: string): Promise<string> => {
    const path = join(folder, `redis_${name}`)
    await mkdir(path)
    const redis = await startRedis(path)
    ends.defer(redis.stop)
    return String(redis.port)
  }

  const pairs: Pair[] = [
    {
      name: 'SQLite / BullMQ',
      aim: 1.2,
      relay: {
        title: 'imconnector-relay, SQLite (synchronous=FULL)',
        start: async (name, portal) => await startRelayProcess(relayEnv(`file:${join(folder, `${name}.db`)}`, portal)),
      },
      peer: {
        title: 'Fastify + BullMQ, Redis (appendfsync always)',
        start: async (name, portal, env) => await startPeer('bullmq.ts', { ...env, REDIS_PORT: await startOwnRedis(name) }, portal),
      },
    },
    {
      name: 'PostgreSQL / pg-boss',
      aim: 4.5,
      relay: {
        title: 'imconnector-relay, PostgreSQL',
        start: async (_name, portal) => await startRelayProcess(relayEnv(await startSchema(), portal)),
      },
      peer: {
        title: 'Fastify + pg-boss, PostgreSQL',
        start: async (name, portal, env) => await startPeer('pg-boss.ts', { ...env, DATABASE_URL: await startSchema(), BOSS_SCHEMA: `boss_${name}` }, portal),
      },
    },
  ]

  console.log(`${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, Node ${process.version}; load generator, Redis and PostgreSQL on the same machine, ${CONNECTIONS} connections\n`)
  console.log('acknowledged after a durable write                requests/s   p50 ms   p99 ms')
  for (const pair of pairs) await race(pair)
  console.log(`ten edits of one message, the last two overtaking each other, while the portal answers 503 ${REFUSALS} times`)
  for (const { title, start } of pairs.flatMap(({ relay, peer }) => [relay, peer])) console.log(`${title.padEnd(48)}  ${await tellStory(start)}`)
})

/** Measures both side by side, and the peer again with the relay's other work. */
async function race ({ name, aim, relay, peer }: Pair): Promise<void> {
  const servers = [await relay.start('rate', null), await peer.start('rate', null), await peer.start('door', null, { SAME_DOOR: 'yes' })]
  const [own, other, door] = await alternate(servers) as [Measured, Measured, Measured]
  await Promise.all(servers.map(server => server.stop()))
  print(relay.title, own)
  print(peer.title, other)
  print('  with rate limit, validation and a line of log', door)
  console.log(`${name} = ${ratio(own, other).toFixed(2)}, with the same work ${ratio(own, door).toFixed(2)}   (aim: ${aim} or more)\n`)
}

function print (title: string, { perSecond, p50Ms, p99Ms }: Measured): void {
  console.log(`${title.padEnd(48)}  ${Math.round(perSecond).toString().padStart(10)}   ${p50Ms.toFixed(1).padStart(6)}   ${p99Ms.toFixed(1).padStart(6)}`)
}

function relayEnv (databaseUrl: string, portal: Portal | null): Record<string, string> {
  const base = portal === null ? unreachablePortalEnv('') : { ...sandboxEnv(portal.url), WEBHOOK_SECRET: SECRET, SETTLE_MS: String(SETTLE_MS) }
  return { ...base, DATABASE_URL: databaseUrl }
}

async function startPeer (script: string, env: Record<string, string>, portal: Portal | null): Promise<Running> {
  const delivery: Record<string, string> = portal === null ? { SETTLE_MS: '600000' } : { SETTLE_MS: String(SETTLE_MS), BITRIX24_PORTAL_URL: portal.url, BITRIX24_TOKEN: portal.token }
  return await startProcess({ script: `bench/peers/${script}`, env: { WEBHOOK_SECRET: SECRET, ...env, ...delivery }, readyPath: '/' })
}

/** The portal's final text, its earlier texts, and the number of calls. */
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
    // The first edits already wait for the portal when the others come.
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

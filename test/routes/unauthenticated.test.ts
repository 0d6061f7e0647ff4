import t, { type Test } from 'tap'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Pool } from 'undici'
import { startRelayProcess, type Running } from '../../demo/processes.ts'

const MEGABYTE = 1024 * 1024
const FLOOD_MS = 500
const ADMIN_TOKEN = 'an-admin-token-of-the-test'
const TELEGRAM_SECRET = 'a-telegram-secret-1'

const CHANNELS = [
  { id: 'vk', messenger: 'vk', secrets: ['a-vk-secret-of-tests'], groupId: 1, confirmation: 'abc' },
  { id: 'field', messenger: 'custom', secrets: ['a-field-secret-of-tests'], verify: { kind: 'field', field: '/auth/token' }, map: '$' },
  { id: 'other', messenger: 'telegram', secrets: [TELEGRAM_SECRET] },
]

/** Bodies without a secret. Brackets take the parser longest; the others the scan. */
const BODIES = {
  'a megabyte of brackets': Buffer.alloc(MEGABYTE, '['),
  'half a megabyte of brackets': Buffer.alloc(MEGABYTE / 2, '['),
  'half a megabyte of objects': Buffer.alloc(MEGABYTE / 2, '{"auth":'),
  'half a megabyte of empty lists': Buffer.from(`[${'[],'.repeat(MEGABYTE / 6 - 2)}1]`),
}

const FLOODS = [
  [1, 'a megabyte of brackets'], [4, 'a megabyte of brackets'], [4, 'half a megabyte of brackets'], [4, 'half a megabyte of objects'], [4, 'half a megabyte of empty lists'],
] as const

interface Flood {
  /** Of the other channel's webhooks, in milliseconds. */
  readonly latencies: readonly number[]
  /** Milliseconds of the relay's processor for each webhook of the flood. */
  readonly cpuMs: number
  readonly statuses: ReadonlySet<number>
}

async function start (t: Test): Promise<Running> {
  const folder = t.testdir()
  const channelsFile = join(folder, 'channels.json')
  writeFileSync(channelsFile, JSON.stringify({ channels: CHANNELS }))
  const relay = await startRelayProcess({
    BITRIX24_PORTAL_URL: 'http://127.0.0.1:9',
    BITRIX24_CONNECTOR: 'relay_demo',
    BITRIX24_LINE: '1',
    DATABASE_URL: `file:${join(folder, 'relay.db')}`,
    CHANNELS_FILE: channelsFile,
    WEBHOOK_RATE_LIMIT: '0',
    // Each webhook of the flood has an address of its own, so that no limit helps.
    TRUST_PROXY: '1',
    ADMIN_TOKEN,
    LOG_LEVEL: 'error',
    // Measuring coverage, which tap passes on, makes the scan several times slower.
    _TAPJS_PROCESSINFO_COVERAGE_: '0',
  })
  t.teardown(() => relay.stop('SIGKILL'))
  return relay
}

async function readMetric (relay: Running, name: string): Promise<number> {
  const response = await fetch(`${relay.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
  return Number(new RegExp(`^${name} (.+)$`, 'm').exec(await response.text())?.[1])
}

/** Posts `body` over some connections, again and again, and measures another channel meanwhile. */
async function flood (relay: Running, channel: string, body: Buffer, connections: number): Promise<Flood> {
  const pool = new Pool(relay.url, { connections })
  const until = performance.now() + FLOOD_MS
  const cpuBefore = await readMetric(relay, 'process_cpu_seconds_total')
  const statuses = new Set<number>()
  const latencies: number[] = []
  let sent = 0

  const keepPosting = async (): Promise<void> => {
    while (performance.now() < until) {
      const from = `10.${sent >> 16 & 255}.${sent >> 8 & 255}.${sent & 255}`
      sent++
      const answer = await pool.request({ path: `/webhooks/${channel}`, method: 'POST', headers: { 'content-type': 'application/json', 'x-forwarded-for': from }, body })
      statuses.add(answer.statusCode)
      await answer.body.dump()
    }
  }
  const keepMeasuring = async (): Promise<void> => {
    while (performance.now() < until) {
      const before = performance.now()
      const answer = await fetch(`${relay.url}/webhooks/other`, {
        method: 'POST', headers: { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': TELEGRAM_SECRET }, body: '{"update_id":1}',
      })
      await answer.arrayBuffer()
      if (answer.status === 200) latencies.push(performance.now() - before)
    }
  }
  await Promise.all([keepMeasuring(), ...Array.from({ length: connections }, keepPosting)])
  await pool.close()
  const cpuS = await readMetric(relay, 'process_cpu_seconds_total') - cpuBefore
  return { latencies, cpuMs: 1000 * cpuS / sent, statuses }
}

function median (values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Infinity
}

t.test('bytes without a secret cost little more than to receive them, and other channels do not notice', async t => {
  const relay = await start(t)
  await flood(relay, 'vk', BODIES['half a megabyte of brackets'], 4)
  const memoryBefore = await readMetric(relay, 'process_resident_memory_bytes')
  for (const channel of ['vk', 'field']) {
    for (const [connections, what] of FLOODS) {
      const { latencies, cpuMs, statuses } = await flood(relay, channel, BODIES[what], connections)
      const name = `${channel}, ${what}, ${connections} at a time`
      t.strictSame([...statuses], [401], name)
      // The parser took 50 to 400 ms of the processor for the megabyte.
      t.ok(cpuMs < 30, `${name}: ${cpuMs.toFixed(1)} ms each`)
      t.ok(median(latencies) < 100, `${name}: ${median(latencies).toFixed(1)} ms for another channel`)
    }
  }
  const grownBy = await readMetric(relay, 'process_resident_memory_bytes') - memoryBefore
  t.ok(grownBy < 100 * MEGABYTE, `the memory grew by ${Math.round(grownBy / MEGABYTE)} MiB`)
})

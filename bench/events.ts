import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { stringify } from 'qs'
import { startRelayProcess, type Running } from '../demo/processes.ts'
import { openStore } from '../src/outbox/open.ts'
import { alternateWith, type Measured } from './alternate.ts'
import { pendingEdit } from './backlog.ts'
import { unreachablePortalEnv } from './webhooks.ts'

/** As many as a portal sends for five full calls a second, the most of any plan. */
const EVENTS_PER_S = 250

const KEY = 'bench-key-of-loopback'

/** Enough for all windows. */
const DELIVERED = 6000
const PER_CALL = 50

export interface EventsResult {
  readonly eventsPerSecond: number
  readonly without: Measured
  readonly during: Measured
}

/** Measures webhooks while the portal reports edits, in turn with windows without reports. Each report confirms another delivered edit. */
export async function measureEvents (folder: string): Promise<EventsResult> {
  const path = join(folder, 'events.db')
  await fill(path)
  const relay = await startRelayProcess(unreachablePortalEnv(path))
  const reporter = createReporter(relay)
  const { without, during } = await alternateWith(relay, reporter)
  await relay.stop()
  return { without, during, eventsPerSecond: reporter.perSecond() }
}

async function fill (path: string): Promise<void> {
  const store = await openStore({ databaseUrl: `file:${path}`, encryptionKey: null, now: Date.now })
  const { portal, outbox, portals } = store
  await portals.write(portal, { eventKey: KEY })
  for (let first = 0; first < DELIVERED; first += PER_CALL) {
    await outbox.accept(Array.from({ length: PER_CALL }, (_, index) => pendingEdit(portal, first + index)))
    const callId = `call-${first}`
    const claimed = await outbox.claim({ portal, epoch: 0, lane: { connector: 'relay_demo', line: 1, channel: 'default' }, callId, now: Date.now(), limit: PER_CALL, bucket: { level: 0, at: 0 } })
    const outcomes = claimed.map(({ id, version }) => ({ id, version, result: 'delivered' as const, flags: [] }))
    await outbox.record({ portal, epoch: 0, callId, outcomes, attempt: null, now: Date.now() })
  }
  await store.close()
}

/** Posts reports at a constant rate. */
function createReporter ({ port }: Running) {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  let timer: NodeJS.Timeout | undefined
  let next = 0
  let startedAt = 0
  let sent = 0
  let running = new Set<Promise<void>>()
  let elapsedMs = 0
  let answered = 0

  async function report (): Promise<void> {
    const { edit } = pendingEdit('', next++ % DELIVERED)
    const body = stringify({
      event: 'ONOPENLINEMESSAGEUPDATE',
      data: { DATA: { connector: { connector_id: 'relay_demo', line_id: '1', chat_id: edit.chat.id, user_id: '1' }, chat: { id: '7' }, message: { id: edit.message.id, text: edit.message.text } } },
      ts: '1764331200',
      auth: { domain: 'bench.bitrix24.ru', member_id: 'bench', application_token: 'bench' },
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    request({ port, agent, method: 'POST', path: `/bitrix24/events?key=${KEY}`, headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) } }, response => {
      response.resume().on('end', () => response.statusCode === 200 ? resolve() : reject(new Error(`a report was answered ${response.statusCode}`)))
    }).on('error', reject).end(body)
    await promise
    answered++
  }

  return {
    start (): void {
      startedAt = performance.now()
      sent = 0
      timer = setInterval(() => {
        const due = (performance.now() - startedAt) / 1000 * EVENTS_PER_S
        for (; sent < due; sent++) {
          const reported = report().finally(() => running.delete(reported))
          running.add(reported)
        }
      }, 4)
    },
    async stop (): Promise<void> {
      clearInterval(timer)
      await Promise.all(running)
      running = new Set()
      elapsedMs += performance.now() - startedAt
    },
    perSecond: (): number => answered / elapsedMs * 1000,
  }
}

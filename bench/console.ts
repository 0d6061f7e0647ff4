import { startRelayProcess, type Running } from '../demo/processes.ts'
import { openStore } from '../src/outbox/open.ts'
import type { CallOutcome } from '../src/outbox/outbox.ts'
import { alternateWith, type Measured } from './alternate.ts'
import { pendingEdit } from './backlog.ts'
import { percentile } from './load.ts'
import { unreachablePortalEnv } from './webhooks.ts'

const ROWS = 1_000_000
const BATCH = 1000
const PER_CALL = 50
const REQUESTS = 40
const ADMIN_TOKEN = 'bench-admin-token-of-loopback'

/** An open page refreshes itself every five seconds, so fifty people are reading. */
const PAGES_PER_S = 10

export interface ConsoleResult {
  readonly rows: number
  readonly pages: ReadonlyArray<{ readonly path: string, readonly p95Ms: number }>
  readonly pagesPerSecond: number
  readonly without: Measured
  readonly during: Measured
}

/**
 * Measures the console with a million finished edits, of which one in a hundred is refused and one in a hundred rejected: each page, and the webhooks while all pages
 * are read in turn.
 */
export async function measureConsole (databaseUrl: string): Promise<ConsoleResult> {
  const id = await fill(databaseUrl)
  const relay = await startRelayProcess({ ...unreachablePortalEnv(''), DATABASE_URL: databaseUrl, ADMIN_TOKEN })
  const get = await signIn(relay)
  const paths = [
    '', '/edits', '/edits?state=delivered', '/edits?state=dead&reason=rejected', '/edits?channel=default', '/edits?confirmation=unknown',
    // Nothing matches these.
    '/edits?state=dead&reason=poison', '/edits?channel=nobody', '/edits?state=delivered&channel=nobody', '/edits?confirmation=confirmed', '/edits?message=nobody',
    '/edits?chat=chat-7', `/search?q=${id}`, '/search?q=backlog-7', `/edits/${id}`, '/dead', '/redeliver?reason=rejected', '/redeliver?state=delivered', '/channels',
  ]
  const pages = []
  for (const path of paths) {
    const times: number[] = []
    for (let request = 0; request < REQUESTS; request++) {
      const started = performance.now()
      await get(path)
      times.push(performance.now() - started)
    }
    pages.push({ path: `/console${path}`.replace(id, '<id>'), p95Ms: percentile(times.sort((a, b) => a - b), 0.95) })
  }
  const reader = createReader(get, paths)
  const { without, during } = await alternateWith(relay, reader)
  await relay.stop()
  return { rows: ROWS, pages, pagesPerSecond: reader.perSecond(), without, during }
}

/** Gets a page as a signed-in administrator. */
async function signIn ({ url }: Running): Promise<(path: string) => Promise<void>> {
  const signedIn = await fetch(`${url}/console/sign-in`, { method: 'POST', body: new URLSearchParams({ token: ADMIN_TOKEN }), headers: { 'sec-fetch-site': 'same-origin' }, redirect: 'manual' })
  const cookie = String(signedIn.headers.getSetCookie()[0]?.split(';')[0])
  return async path => {
    const answer = await fetch(`${url}/console${path}`, { headers: { cookie }, redirect: 'manual' })
    await answer.text()
    if (![200, 303].includes(answer.status)) throw new Error(`/console${path} answered ${answer.status}`)
  }
}

/** Reads the pages in turn, at a constant rate. */
function createReader (get: (path: string) => Promise<void>, paths: readonly string[]) {
  let timer: NodeJS.Timeout | undefined
  let running: Array<Promise<void>> = []
  let startedAt = 0
  let elapsedMs = 0
  let read = 0
  return {
    start (): void {
      startedAt = performance.now()
      timer = setInterval(() => { running.push(get(paths[read++ % paths.length] as string)) }, 1000 / PAGES_PER_S)
    },
    async stop (): Promise<void> {
      clearInterval(timer)
      await Promise.all(running)
      running = []
      elapsedMs += performance.now() - startedAt
    },
    perSecond: (): number => read / elapsedMs * 1000,
  }
}

/** The id of one of the edits. */
async function fill (databaseUrl: string): Promise<string> {
  const store = await openStore({ databaseUrl, encryptionKey: null, now: Date.now })
  const { portal, outbox } = store
  const lane = { connector: 'relay_demo', line: 1, channel: 'default' }
  let id = ''
  let calls = 0
  for (let first = 0; first < ROWS; first += BATCH) {
    await outbox.accept(Array.from({ length: BATCH }, (_, index) => ({ ...pendingEdit(portal, first + index), refusal: index % 100 === 0 ? 'empty-text' as const : null })))
    for (;;) {
      const callId = `call ${calls++}`
      const now = Date.now()
      const claimed = await outbox.claim({ portal, epoch: 0, lane, callId, now, limit: PER_CALL, bucket: { level: 0, at: 0 } })
      if (claimed.length === 0) break
      const outcomes = claimed.map(({ id, version }, index): CallOutcome => index === 0 && calls % 2 === 0
        ? { id, version, result: 'dead', reason: 'rejected', words: 'Incomplete data', quarantineUntil: null }
        : { id, version, result: 'delivered', flags: [] })
      await outbox.record({ portal, epoch: 0, callId, outcomes, attempt: { at: now, durationMs: 12, code: 'ok', words: null }, now })
      id = claimed[0]?.id ?? id
    }
  }
  const { pending } = await outbox.backlog(portal)
  if (pending > 0) throw new Error(`${pending} edits are not finished`)
  await store.close()
  return id
}

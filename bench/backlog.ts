import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startRelayProcess, type Running } from '../demo/processes.ts'
import type { MessageEdit, PortalEdit } from '../src/edit/edit.ts'
import { openStore } from '../src/outbox/open.ts'
import { runLoad, WARM_UP, type LoadResult } from './load.ts'
import { prepareWebhooks, unreachablePortalEnv } from './webhooks.ts'

const ROWS = 1_000_000
const BATCH = 1000
const CONNECTIONS = 64

export interface BacklogResult {
  readonly rows: number
  readonly readyMs: number
  readonly residentMiB: number
  readonly load: LoadResult
}

/** Measures a relay that starts with a million pending edits for an unreachable portal. */
export async function measureBacklog (folder: string): Promise<BacklogResult> {
  const path = join(folder, 'backlog.db')
  await fill(path)
  const env = unreachablePortalEnv(path)
  const started = performance.now()
  const relay = await startRelayProcess(env)
  const readyMs = performance.now() - started
  await runLoad({ servers: relay, connections: CONNECTIONS, requests: prepareWebhooks(WARM_UP.requests, ROWS), durationMs: WARM_UP.durationMs })
  const load = await runLoad({ servers: relay, connections: CONNECTIONS, requests: prepareWebhooks(100_000, ROWS + WARM_UP.requests), durationMs: 6000 })
  const residentMiB = readResidentMiB(relay)
  await relay.stop()
  return { rows: ROWS, readyMs, residentMiB, load }
}

async function fill (path: string): Promise<void> {
  const store = await openStore({ databaseUrl: `file:${path}`, encryptionKey: null, now: Date.now })
  for (let first = 0; first < ROWS; first += BATCH) {
    await store.outbox.accept(Array.from({ length: BATCH }, (_, index) => pendingEdit(store.portal, first + index)))
  }
  await store.close()
}

export function pendingEdit (portal: string, number: number) {
  const now = Date.now()
  const edit: MessageEdit = {
    user: { id: `user-${number % 50_000}`, name: 'Ivan', lastName: 'Petrov' },
    message: { id: `backlog-${number}`, text: `Good afternoon, the delivery is wanted on Thursday, not on Friday (${number})`, files: [] },
    chat: { id: `chat-${number % 50_000}` },
    revision: { at: now, tie: 0n },
  }
  const key = { portal, connector: 'relay_demo', line: 1, chat: edit.chat.id, message: edit.message.id }
  return { key, channel: 'default', edit: { ...edit, allowAnonymous: false } as PortalEdit, refusal: null, now, settleMs: 0 }
}

/** The resident memory of the process, as Linux counts it. */
function readResidentMiB (relay: Running): number {
  const status = readFileSync(`/proc/${relay.child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024
}

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startRelayProcess } from '../demo/processes.ts'
import { runLoad, type LoadResult } from './load.ts'
import { prepareSamples, samples, type Sample } from './samples.ts'
import { prepareWebhooks, unreachablePortalEnv } from './webhooks.ts'

const CONNECTIONS = 64
const REQUESTS = 60_000
const WARM_UP_MS = 1500
const MEASURE_MS = 2500
const ADMIN_TOKEN = 'bench-admin-token-of-loopback'

export interface MessengerResult {
  readonly name: string
  readonly load: LoadResult
  /** Its rate divided by that of the generic channel, measured right before and after. */
  readonly ratio: number
}

/** Measures edits acknowledged after their commit: each messenger between two measurements of the generic channel on the same relay. */
export async function measureMessengers (folder: string): Promise<MessengerResult[]> {
  const channelsFile = join(folder, 'channels.json')
  await writeFile(channelsFile, JSON.stringify({ channels: samples.map(({ name, channel }) => ({ id: name, ...channel })) }))
  const relay = await startRelayProcess({ ...unreachablePortalEnv(join(folder, 'messengers.db')), CHANNELS_FILE: channelsFile, ADMIN_TOKEN })
  let first = 0
  const countPending = async (): Promise<number> => {
    const response = await fetch(`${relay.url}/api/status`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
    return (await response.json() as { ledger: { pending: number } }).ledger.pending
  }
  const load = async (prepare: (count: number, first: number) => Buffer[], durationMs: number): Promise<LoadResult> => {
    const before = await countPending()
    const requests = prepare(REQUESTS, first += REQUESTS)
    const result = await runLoad({ servers: relay, connections: CONNECTIONS, requests, durationMs })
    // Most messengers get a success even for an unreadable event.
    const kept = await countPending() - before
    if (kept !== result.answered) throw new Error(`of ${result.answered} edits ${kept} were stored:\n${relay.output().slice(-2000)}`)
    return result
  }
  const measureGeneric = async (): Promise<number> => (await load(prepareWebhooks, MEASURE_MS)).perSecond
  const measure = async (sample: Sample): Promise<LoadResult> => {
    const prepare = (count: number, first: number): Buffer[] => prepareSamples(sample, count, first)
    await load(prepare, WARM_UP_MS)
    return await load(prepare, MEASURE_MS)
  }

  await load(prepareWebhooks, 2 * WARM_UP_MS)
  const results: MessengerResult[] = []
  let before = await measureGeneric()
  for (const sample of samples) {
    const result = await measure(sample)
    const after = await measureGeneric()
    results.push({ name: sample.name, load: result, ratio: result.perSecond / ((before + after) / 2) })
    before = after
  }
  await relay.stop()
  return results
}

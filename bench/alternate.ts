import { runLoad, WARM_UP, type LoadResult, type Servers } from './load.ts'
import { prepareWebhooks } from './webhooks.ts'

export const CONNECTIONS = 64

const WINDOWS = 9
const WINDOW_MS = 1500
const WINDOW_REQUESTS = 50_000

/**
 * Measures servers side by side: each gets the whole load for a short window in its turn, one way round and then the other, so that a busy
 * minute of the machine falls on all of them. The result of each is its window with the median rate; its p99 is the median of its windows'.
 * No webhook comes twice, and all servers get the same ones. They are running before and after.
 */
export async function alternate (sides: readonly Servers[]): Promise<LoadResult[]> {
  const warmUp = prepareWebhooks(WARM_UP.requests)
  for (const servers of sides) await runLoad({ servers, connections: CONNECTIONS, requests: warmUp, durationMs: WARM_UP.durationMs })

  const windows = sides.map((): LoadResult[] => [])
  for (let window = 0; window < WINDOWS; window++) {
    const requests = prepareWebhooks(WINDOW_REQUESTS, WARM_UP.requests + window * WINDOW_REQUESTS)
    const order = [...sides.keys()]
    for (const index of window % 2 === 0 ? order : order.reverse()) {
      windows[index]?.push(await runLoad({ servers: sides[index] as Servers, connections: CONNECTIONS, requests, durationMs: WINDOW_MS }))
    }
  }
  return windows.map(median)
}

function median (results: readonly LoadResult[]): LoadResult {
  const middle = results.length >> 1
  const byRate = results.toSorted((one, other) => one.perSecond - other.perSecond)
  const byP99 = results.toSorted((one, other) => one.p99Ms - other.p99Ms)
  return { ...byRate[middle] as LoadResult, p99Ms: (byP99[middle] as LoadResult).p99Ms }
}

import type { Running } from '../demo/processes.ts'
import { runLoad, WARM_UP, type LoadResult, type Servers } from './load.ts'
import { prepareWebhooks } from './webhooks.ts'

export const CONNECTIONS = 64

const WINDOWS = 41
const WINDOW_MS = 500
const WINDOW_REQUESTS = 15_000

/** The window with the median rate; `p99Ms` is the median of the windows'. */
export interface Measured extends LoadResult {
  /** The rates of all windows, in order. */
  readonly rates: readonly number[]
}

/**
 * Measures running servers side by side. In each round every server gets the whole load for a short window, in alternating order, so a busy minute of
 * the machine affects all of them. All servers get the same webhooks, each once.
 */
export async function alternate (sides: readonly Servers[]): Promise<Measured[]> {
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
  return windows.map(summarise)
}

/** Work that goes on beside the webhooks. */
interface Background {
  start (): void
  /** Fulfils when all of it has been answered. */
  stop (): Promise<void>
}

/** Measures one server without and with other work, in turn, each time with the whole load for a short window. */
export async function alternateWith (server: Running, background: Background): Promise<{ without: Measured, during: Measured }> {
  await runLoad({ servers: server, connections: CONNECTIONS, requests: prepareWebhooks(WARM_UP.requests), durationMs: WARM_UP.durationMs })
  const windows = { without: [] as LoadResult[], during: [] as LoadResult[] }
  for (let window = 0; window < WINDOWS; window++) {
    const order = ['without', 'during'] as const
    for (const side of window % 2 === 0 ? order : order.toReversed()) {
      const requests = prepareWebhooks(WINDOW_REQUESTS, WARM_UP.requests + (2 * window + order.indexOf(side)) * WINDOW_REQUESTS)
      if (side === 'during') background.start()
      windows[side].push(await runLoad({ servers: server, connections: CONNECTIONS, requests, durationMs: WINDOW_MS }))
      if (side === 'during') await background.stop()
    }
  }
  return { without: summarise(windows.without), during: summarise(windows.during) }
}

/** The ratio of two rates: the median over the rounds, because a slow machine affects both sides of a round. */
export function ratio (one: Measured, other: Measured): number {
  return median(one.rates.map((rate, round) => rate / (other.rates[round] as number)))
}

function summarise (results: readonly LoadResult[]): Measured {
  const byRate = results.toSorted((one, other) => one.perSecond - other.perSecond)
  return { ...byRate[byRate.length >> 1] as LoadResult, p99Ms: median(results.map(({ p99Ms }) => p99Ms)), rates: results.map(({ perSecond }) => perSecond) }
}

function median (values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number
}

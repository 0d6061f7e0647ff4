import { setTimeout as sleep } from 'node:timers/promises'
import type { AskApi } from './api.ts'
import type { LookUpAnswer, ProfileLookup } from '../messengers/profile-lookup.ts'
import { backoffMs } from '../courier/retry.ts'

/** A refused token stays refused until someone changes it, so its API is asked less often from the start. */
const REFUSED_MS = 60_000

interface InquiryOptions {
  readonly lookUp: ProfileLookup
  readonly askApi: AskApi
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  /** In [0, 1), for jitter. */
  readonly random: () => number
  /** Aborts a running question. */
  readonly halt: AbortSignal
}

export type Inquiry = ReturnType<typeof createInquiry>

/** Asks one API: one question at a time, within the messenger's limits, and none for a while after a failure. */
export function createInquiry ({ lookUp, askApi, now, random, halt }: InquiryOptions) {
  let failures = 0
  let nextAt = 0
  let restsUntil = 0

  return {
    batchSize: lookUp.batchSize,
    restsUntil: (): number => restsUntil,

    /** The API's answer about at most `batchSize` clients; null if it was not asked, or `halt` aborted the question. */
    async ask (ids: readonly string[]): Promise<LookUpAnswer | null> {
      await sleep(Math.max(0, nextAt - now()), undefined, { signal: halt }).catch(() => {})
      if (halt.aborted || restsUntil > now()) return null
      nextAt = now() + lookUp.intervalMs
      const response = await askApi(lookUp.request(ids), halt)
      if (halt.aborted) return null
      const answer: LookUpAnswer = response.kind === 'response' ? lookUp.read(ids, response.status, response.body) : { kind: 'unavailable', code: response.code }
      failures = answer.kind === 'answered' ? 0 : failures + 1
      if (failures > 0) restsUntil = now() + Math.max(backoffMs(failures, random()), answer.kind === 'refused' ? REFUSED_MS : 0)
      return answer
    },
  }
}

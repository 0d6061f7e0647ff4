import type { CallResult } from '../bitrix24/client.ts'
import { actionFor, type CodeAction } from '../bitrix24/codes.ts'
import { readAnswer, type ItemOutcome } from '../bitrix24/update-messages.ts'
import type { ClaimedEdit, DeliveryHistory, CallOutcome } from '../outbox/outbox.ts'
import { backoffMs, QUARANTINE_MS, UNKNOWN_USER_REPEATS_MS } from './retry.ts'

/** Failures alone, with other messages' calls succeeding in between, after which an edit is taken to be the cause. */
const POISON_AFTER = 5

/** Without any success to learn from, a failing chunk is still split at every third failure. */
const SPLIT_EVERY = 3

export interface Circumstances {
  readonly now: number
  readonly random: () => number
  /** When a call of this portal last succeeded, or null: a failure while nothing succeeds says nothing about the message. */
  readonly lastSuccessAt: number | null
}

/** What a call came to: the ending of each of its messages, and what the courier as a whole has to do. */
export interface Conclusion {
  readonly outcomes: CallOutcome[]
  readonly action: CodeAction | 'none' | 'back-off'
  /** For the log, the park and the status: `ok`, a portal's code, or how the connection failed. */
  readonly code: string
  readonly words: string | null
}

/** Reads the result of one call of `imconnector.update.messages` that carried `claimed`. */
export function conclude (claimed: readonly ClaimedEdit[], result: CallResult, circumstances: Circumstances): Conclusion {
  switch (result.kind) {
    case 'answered': {
      const items = readAnswer(result.result, claimed.length)
      if (items === 'unreadable') return failed(claimed, circumstances, 'retry', 'unreadable-answer', null, null)
      const outcomes = claimed.map((edit, index) => itemOutcome(edit, items[index] as ItemOutcome, circumstances.now))
      return { outcomes, action: 'none', code: 'ok', words: null }
    }
    case 'refused': {
      const action = actionFor(result.code, result.status)
      if (action === 'retry') return failed(claimed, circumstances, action, result.code, result.words, null)
      // The call as a whole was turned away, which says nothing about its messages: they stay due, and the courier holds.
      return { outcomes: claimed.map(edit => again(edit, circumstances.now, edit.history, null)), action, code: result.code, words: result.words }
    }
    case 'moved':
      return { outcomes: claimed.map(edit => again(edit, circumstances.now, edit.history, null)), action: 'park-portal', code: 'PORTAL_MOVED', words: null }
    case 'unreachable':
      return { outcomes: claimed.map(edit => again(edit, circumstances.now, edit.history, null)), action: 'back-off', code: result.cause, words: null }
    case 'unknown':
      return failed(claimed, circumstances, 'back-off', result.cause, null, result.lastByteAt + QUARANTINE_MS)
  }
}

function itemOutcome (claimed: ClaimedEdit, item: ItemOutcome, now: number): CallOutcome {
  const { id, version, history } = claimed
  if (item.kind === 'rejected') return { id, version, result: 'dead', reason: 'rejected', words: item.words, quarantineUntil: null }
  // The first update creates the client whom the portal did not know, so on a repeat the echo no longer tells: the repeats run to their end.
  const doubtful = item.unknownUser || history.unknownUserRepeats > 0
  if (!doubtful) return { id, version, result: 'delivered', flags: history.flags }
  const waitMs = UNKNOWN_USER_REPEATS_MS[history.unknownUserRepeats]
  if (waitMs === undefined) return { id, version, result: 'delivered', flags: [...history.flags, 'unknown-user'] }
  return again(claimed, now + waitMs, { ...history, attempts: history.attempts + 1, unknownUserRepeats: history.unknownUserRepeats + 1 }, null)
}

/** The call failed in a way that one of its messages may have caused. */
function failed (
  claimed: readonly ClaimedEdit[], circumstances: Circumstances, action: 'retry' | 'back-off', code: string, words: string | null, quarantineUntil: number | null
): Conclusion {
  const outcomes = claimed.map(edit => failureOutcome(edit, claimed.length, circumstances, code, words, quarantineUntil))
  return { outcomes, action, code, words }
}

function failureOutcome (
  claimed: ClaimedEdit, size: number, circumstances: Circumstances, code: string, words: string | null, quarantineUntil: number | null
): CallOutcome {
  const { now, random, lastSuccessAt } = circumstances
  const { history } = claimed
  const attempts = history.attempts + 1
  const omitsFiles = quarantineUntil !== null && claimed.edit.message.files.length > 0 && !history.flags.includes('files-omitted')
  if (omitsFiles) {
    // The portal downloads the files inside the call and shows none of them on an update: without them the text gets through.
    return again(claimed, now, { ...history, attempts, flags: [...history.flags, 'files-omitted'] }, quarantineUntil)
  }
  const othersSucceed = history.suspectedAt === null || (lastSuccessAt !== null && lastSuccessAt > history.suspectedAt)
  const alone = size === 1
  const suspicions = alone && othersSucceed ? history.suspicions + 1 : history.suspicions
  if (suspicions >= POISON_AFTER) {
    return { id: claimed.id, version: claimed.version, result: 'dead', reason: 'poison', words: words ?? code, quarantineUntil }
  }
  const splits = !alone && (othersSucceed || attempts % SPLIT_EVERY === 0)
  const chunkLimit = splits ? Math.ceil(size / 2) : Math.min(history.chunkLimit, size)
  const suspectedAt = othersSucceed ? now : history.suspectedAt
  return again(claimed, now + backoffMs(attempts, random()), { ...history, attempts, suspicions, suspectedAt, chunkLimit }, quarantineUntil)
}

function again (claimed: ClaimedEdit, dueAt: number, history: DeliveryHistory, quarantineUntil: number | null): CallOutcome {
  return { id: claimed.id, version: claimed.version, result: 'retry', dueAt, history, quarantineUntil }
}

import type { CallResult } from '../bitrix24/client.ts'
import { actionFor, type CodeAction } from '../bitrix24/codes.ts'
import { readAnswer, type ItemOutcome } from '../bitrix24/update-messages.ts'
import type { ClaimedEdit, DeliveryHistory, CallOutcome } from '../outbox/outbox.ts'
import { backoffMs, QUARANTINE_MS, UNKNOWN_USER_REPEATS_MS } from './retry.ts'

/** An edit is the cause after this many failures in a call of its own, if calls with other messages succeed in between. */
const POISON_AFTER = 5

/** Even if no call succeeds, a failing chunk is split at every third failure. */
const SPLIT_EVERY = 3

export interface Circumstances {
  readonly now: number
  readonly random: () => number
  /** When a call last succeeded, or null. While no call succeeds, a failure does not point to a message. */
  readonly lastSuccessAt: number | null
}

/** The outcome of a call for each of its messages, and the courier's next action. */
export interface Conclusion {
  readonly outcomes: CallOutcome[]
  readonly action: CodeAction | 'none' | 'back-off'
  /** For the log, the park and the status: `ok`, a portal's code, or how the connection failed. */
  readonly code: string
  readonly words: string | null
}

/** Reads the result of one call of `imconnector.update.messages` that carried `claimed`. */
export function conclude (claimed: readonly ClaimedEdit[], result: CallResult, circumstances: Circumstances): Conclusion {
  // The call failed for a reason that says nothing about its messages.
  const stillDue = (): CallOutcome[] => claimed.map(edit => again(edit, circumstances.now, edit.history, null))
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
      return { outcomes: stillDue(), action, code: result.code, words: result.words }
    }
    case 'moved':
      return { outcomes: stillDue(), action: 'park-portal', code: 'PORTAL_MOVED', words: null }
    case 'unreachable':
      return { outcomes: stillDue(), action: 'back-off', code: result.cause, words: null }
    case 'unknown':
      return failed(claimed, circumstances, 'back-off', result.cause, null, result.lastByteAt + QUARANTINE_MS)
  }
}

function itemOutcome (claimed: ClaimedEdit, item: ItemOutcome, now: number): CallOutcome {
  const { id, version, history } = claimed
  if (item.kind === 'rejected') return { id, version, result: 'dead', reason: 'rejected', words: item.words, quarantineUntil: null }
  // The first update creates the unknown client, so the answers to repeats look good even if the message is missing. All repeats are made.
  const doubtful = item.unknownUser || history.unknownUserRepeats > 0
  if (!doubtful) return { id, version, result: 'delivered', flags: history.flags, portalUser: item.portalUser }
  const waitMs = UNKNOWN_USER_REPEATS_MS[history.unknownUserRepeats]
  if (waitMs === undefined) return { id, version, result: 'delivered', flags: [...history.flags, 'unknown-user'], portalUser: item.portalUser }
  return again(claimed, now + waitMs, { ...history, attempts: history.attempts + 1, unknownUserRepeats: history.unknownUserRepeats + 1 }, null)
}

/** The call failed, and one of its messages may be the cause. */
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
    // The portal downloads files during the call and shows none of them on an update. Without them the text gets through.
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

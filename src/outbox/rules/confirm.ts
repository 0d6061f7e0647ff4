import { hash } from 'node:crypto'
import { messageRowId } from '../../edit/edit.ts'
import type { Confirmation, PortalReport, ReportOutcome, ReportWindow } from '../outbox.ts'
import type { PortalRecord } from '../portals.ts'
import type { OutboxRow } from './row.ts'

/*
 * The portal reports each message in which it found an edit's ids. A report says that the message was found, not that its text has changed. Reports may
 * be lost, early, late and doubled.
 */

/** Versions whose texts a report can be told from. */
const KEPT_TEXTS = 8

/** The portal cuts a text here. */
const MAX_TEXT = 20_000

/** Within this time after the delivery the portal ought to report an edit. */
export const REPORT_WITHIN_MS = 10 * 60_000

/** A report with its row's id. */
export interface IdentifiedReport extends PortalReport {
  readonly id: string
}

export function identifyReport (report: PortalReport): IdentifiedReport {
  return { ...report, id: messageRowId(report.key) }
}

/** The texts that calls have carried, with a new version's. A repeat of the same version changes nothing: an earlier call may be reported too. */
export function addText ({ version, edit, texts }: OutboxRow, now: number): OutboxRow['texts'] {
  if (texts.at(-1)?.version === version) return texts
  return [...texts, { version, digest: textDigest(edit?.message.text ?? ''), calledAt: now }].slice(-KEPT_TEXTS)
}

/**
 * Applies a report to the row of its message. It confirms the newest version that was called, except if its text is an older version's, or if it came
 * before that version's first call. It ends no call and no quarantine.
 */
export function confirm (held: OutboxRow | null, { text, receivedAt }: PortalReport): { readonly outcome: ReportOutcome, readonly row: OutboxRow | null } {
  const newest = held?.texts.at(-1)
  if (held === null || newest === undefined) return { outcome: 'unmatched', row: null }
  if (newest.version !== held.version) return { outcome: 'older', row: null }
  if (receivedAt < newest.calledAt) return { outcome: 'early', row: null }
  const digest = textDigest(text)
  const isSame = digest === newest.digest
  if (!isSame && held.texts.some(older => older.digest === digest)) return { outcome: 'older', row: null }
  if (held.confirmedAt !== null) return { outcome: 'repeated', row: null }
  return { outcome: 'confirmed', row: { ...held, confirmedAt: receivedAt, textDiffers: !isSame } }
}

/** From the delivery of a row that was just confirmed; 0 while its call runs, null if it was not confirmed. */
export function confirmedAfterMs (row: OutboxRow | null): number | null {
  if (row === null || row.confirmedAt === null) return null
  return row.state === 'delivered' ? Math.max(0, row.confirmedAt - (row.finishedAt ?? row.confirmedAt)) : 0
}

/** The portal trims a text, cuts it, and decodes emoji that are written as the hexadecimal digits of their UTF-8 bytes. */
export function textDigest (text: string): string {
  const decoded = text.replace(/:(f0[89ab][0-9a-f][89ab][0-9a-f][89ab][0-9a-f]):/gi, (_all, hex: string) => Buffer.from(hex, 'hex').toString('utf8'))
  return hash('sha256', decoded.trim().slice(0, MAX_TEXT).trimEnd(), 'base64url').slice(0, 16)
}

export const NOBODY_LISTENS: ReportWindow = { calledSince: Number.MAX_SAFE_INTEGER, deliveredBefore: 0 }

/** By since when the portal is asked to report, and when it last did, for whatever message. */
export function reportWindow ({ eventBinding, lastEventAt }: Pick<PortalRecord, 'eventBinding' | 'lastEventAt'>, now: number): ReportWindow {
  if (eventBinding === null || lastEventAt === null) return NOBODY_LISTENS
  return { calledSince: eventBinding.boundAt, deliveredBefore: Math.min(now - REPORT_WITHIN_MS, lastEventAt) }
}

/** The confirmation of a row, or null if it is not delivered. */
export function confirmationOf ({ state, confirmedAt, calledAt, settledAt }: { readonly state: string, readonly confirmedAt: number | null, readonly calledAt: number | null, readonly settledAt: number | null }, window: ReportWindow): Confirmation | null {
  if (state !== 'delivered') return null
  if (confirmedAt !== null) return 'confirmed'
  return (calledAt ?? 0) >= window.calledSince && (settledAt ?? Infinity) < window.deliveredBefore ? 'unconfirmed' : 'unknown'
}

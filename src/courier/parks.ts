import { isProbed } from '../bitrix24/codes.ts'
import type { Session } from '../bitrix24/session.ts'
import type { Lease } from '../lease.ts'
import type { Log } from '../log.ts'
import type { Lane, ParkedLine, PortalRecord, Portals } from '../store/store.ts'
import { unobserved, type CourierObserver } from './observer.ts'

const FIRST_PROBE_MS = 60_000
const SLOWEST_PROBE_MS = 15 * 60_000

export interface ParksOptions {
  readonly portal: string
  readonly lease: Pick<Lease, 'epoch'>
  readonly portals: Portals
  readonly session: Pick<Session, 'call' | 'authorizeUrl'>
  readonly log: Log
  readonly now: () => number
  readonly wallTime: () => number
  readonly signal: AbortSignal
  readonly observer?: CourierObserver
}

/** What an operator is shown of the portal and its lines. */
export interface PortalCondition {
  /** `ready`, or the code for which the portal is parked. */
  readonly portal: string
  readonly since: number | null
  readonly lines: readonly ParkedLine[]
}

interface Park {
  readonly code: string
  readonly since: number
  readonly intervalMs: number
  /** When to ask whether it is over: null while that is being asked, or when only an install can end it. */
  readonly probeAt: number | null
}

export type Parks = ReturnType<typeof createParks>

/**
 * The portal and the lines that take nothing at present. A park loses no edit: it is reported once, asked about from every minute to
 * every 15 minutes, and ends by itself or by an install. It stands in the portal's record, for whoever is asked and whoever comes next.
 */
export function createParks (options: ParksOptions, record: PortalRecord) {
  const { portal, lease, portals, session, log, now, wallTime, signal, observer = unobserved } = options
  const condition = { epoch: lease.epoch }
  const lines = new Map(record.parkedLines.map((line): [string, Park & Lane] => [laneName(line), { ...line, intervalMs: FIRST_PROBE_MS, probeAt: now() }]))
  let parked = restore(record)
  /** How often the portal was parked, and how much of that the record says already. */
  let parkings = 0
  let stored = 0
  if (parked !== null) report(parked.code)

  /** Whatever parked the portal in an earlier life may be over, so the first probe is due at once. */
  function restore (record: PortalRecord): Park | null {
    const { portal: code, since } = conditionOf(record)
    return code === 'ready' ? null : { code, since: since ?? wallTime(), intervalMs: FIRST_PROBE_MS, probeAt: now() }
  }

  function begin (code: string): Park {
    return { code, since: wallTime(), intervalMs: FIRST_PROBE_MS, probeAt: isProbed(code) ? now() + FIRST_PROBE_MS : null }
  }

  function prolong (before: Park, code: string): Park {
    const intervalMs = Math.min(SLOWEST_PROBE_MS, before.intervalMs * 2)
    return { code, since: before.since, intervalMs, probeAt: isProbed(code) ? now() + intervalMs : null }
  }

  async function parkPortal (code: string): Promise<void> {
    if (parked !== null) return
    parked = begin(code)
    const parking = ++parkings
    observer.onParked('portal', code)
    report(code)
    await portals.write(portal, { parked: { code, since: parked.since } }, condition)
    stored = parking
  }

  /** A park that only an install ends says where an administrator can grant new tokens. */
  function report (code: string): void {
    const authorizeUrl = isProbed(code) ? null : session.authorizeUrl()
    log.error({ event: 'portal.parked', code, ...(authorizeUrl === null ? {} : { authorizeUrl }) }, 'portal.parked')
  }

  async function parkLine ({ connector, line }: Lane, code: string): Promise<void> {
    const name = laneName({ connector, line })
    if (lines.has(name)) return
    lines.set(name, { connector, line, ...begin(code) })
    observer.onParked('line', code)
    log.error({ event: 'line.parked', connector, line, code }, 'line.parked')
    await writeLines()
  }

  async function writeLines (): Promise<void> {
    await portals.write(portal, { parkedLines: parkedLines() }, condition)
  }

  function parkedLines (): ParkedLine[] {
    return [...lines.values()].map(({ connector, line, code, since }) => ({ connector, line, code, since }))
  }

  /** Wakes the portal when its record says so: an install has been taken, by whichever process. */
  async function recheck (): Promise<void> {
    if (parked === null || stored !== parkings) return
    const record = await portals.read(portal)
    if (stored !== parkings || conditionOf(record).portal !== 'ready') return
    parked = null
    log.info({ event: 'portal.woken' }, 'portal.woken')
  }

  async function wakePortal (): Promise<void> {
    if (parked === null) return
    parked = null
    await portals.write(portal, { parked: null }, condition)
    log.info({ event: 'portal.woken' }, 'portal.woken')
  }

  async function probePortal (before: Park): Promise<void> {
    const result = await session.call('app.info', {}, { signal })
    if (result.kind === 'answered') return await wakePortal()
    if (parked === null) return
    const code = result.kind === 'refused' ? result.code : before.code
    parked = prolong(before, code)
    if (code === before.code) return
    report(code)
    await portals.write(portal, { parked: { code, since: before.since } }, condition)
  }

  async function probeLine (before: Park & Lane): Promise<void> {
    const { connector, line } = before
    const result = await session.call('imconnector.status', { CONNECTOR: connector, LINE: line }, { signal })
    if (result.kind === 'answered' && isActive(result.result)) {
      lines.delete(laneName(before))
      log.info({ event: 'line.woken', connector, line }, 'line.woken')
      return await writeLines()
    }
    lines.set(laneName(before), { connector, line, ...prolong(before, before.code) })
  }

  return {
    parkPortal,
    parkLine,
    recheck,
    isPortalParked: (): boolean => parked !== null,
    isLineParked: (lane: Lane): boolean => lines.has(laneName(lane)),

    /** When the next probe is due; a parked portal's lines are not asked about. */
    nextProbeAt (): number {
      const times = parked === null ? [...lines.values()].map(line => line.probeAt) : [parked.probeAt]
      return Math.min(...times.filter(time => time !== null))
    },

    /** The probe that is due, marked as being asked; null when none is. */
    dueProbe (): (() => Promise<void>) | null {
      const time = now()
      if (parked !== null) {
        if (parked.probeAt === null || parked.probeAt > time) return null
        const before = parked
        parked = { ...before, probeAt: null }
        return () => probePortal(before)
      }
      const line = [...lines.values()].find(line => line.probeAt !== null && line.probeAt <= time)
      if (line === undefined) return null
      lines.set(laneName(line), { ...line, probeAt: null })
      return () => probeLine(line)
    },

    condition (): PortalCondition {
      return {
        portal: parked?.code ?? 'ready',
        since: parked?.since ?? null,
        lines: parkedLines(),
      }
    },
  }
}

/** What the portal's record says of it, to a process that does not hold its lease. */
export function conditionOf ({ parked, tokens, parkedLines }: PortalRecord): PortalCondition {
  const installed = tokens === null ? 'not-installed' : 'ready'
  return { portal: parked?.code ?? installed, since: parked?.since ?? null, lines: parkedLines }
}

export function laneName (lane: Lane): string {
  return `${lane.connector}/${lane.line}`
}

function isActive (status: unknown): boolean {
  return typeof status === 'object' && status !== null && 'STATUS' in status && status.STATUS === true
}

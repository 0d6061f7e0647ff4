import { actionFor, isProbed } from '../bitrix24/codes.ts'
import type { Session } from '../bitrix24/session.ts'
import type { Lease } from '../lease.ts'
import type { Log } from '../log.ts'
import type { Lane } from '../outbox/outbox.ts'
import type { ParkedLine, PortalRecord, Portals } from '../outbox/portals.ts'
import type { CourierObserver } from './observer.ts'
import { begin, prolong, restore, resume, type Park } from './park.ts'

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

export type Parks = ReturnType<typeof createParks>

/**
 * The portal and the lines that take nothing at present. A park loses no edit: it is reported once, asked about from every minute to
 * every 15 minutes, and ends by itself or by an install. It stands in the portal's record, for whoever is asked and whoever comes next.
 * A probe cannot see every cause (a scope or a confirmation of one method), so a park that it ends is half-open, as of a circuit breaker:
 * a call that succeeds closes it, and one that is refused for the same code continues it.
 */
export function createParks (options: ParksOptions, record: PortalRecord) {
  const { portal, lease, portals, session, log, now, wallTime, signal, observer } = options
  const condition = { epoch: lease.epoch }
  const lines = new Map(record.parkedLines.map((line): [string, Park & Lane] => [laneName(line), { ...line, ...restore(line.code, line.since, now()) }]))
  let parked = restorePortal()
  let halfOpen: Park | null = null
  const halfOpenLines = new Map<string, Park>()
  /** Writes of the portal's park: while one is under way, the record does not tell whether an install has ended it. */
  let writesBegun = 0
  let writesEnded = 0
  if (parked !== null) report(parked.code)

  function restorePortal (): Park | null {
    const { portal: code, since } = conditionOf(record)
    return code === 'ready' ? null : restore(code, since ?? wallTime(), now())
  }

  /** `tokensVersion`: which tokens were refused. Where an install has brought newer ones meanwhile, by whichever process, the portal is not parked. */
  async function parkPortal (code: string, tokensVersion?: number): Promise<void> {
    if (parked !== null) return
    const continued = resume(halfOpen, code, now())
    halfOpen = null
    const park = continued ?? begin(code, wallTime(), now())
    parked = park
    if (continued === null) {
      observer?.onParked('portal', code)
      report(code)
    }
    if (!await writePortal({ code, since: park.since }, tokensVersion) && parked === park) wakePortal()
  }

  async function writePortal (parked: PortalRecord['parked'], tokensVersion?: number): Promise<boolean> {
    writesBegun++
    try {
      return await portals.write(portal, { parked }, { ...condition, tokensVersion })
    } finally {
      writesEnded++
    }
  }

  /** A park that only an install ends says where an administrator can grant new tokens. */
  function report (code: string): void {
    const authorizeUrl = isProbed(code) ? null : session.authorizeUrl()
    log.error({ event: 'portal.parked', code, ...(authorizeUrl === null ? {} : { authorizeUrl }) }, 'portal.parked')
  }

  async function parkLine ({ connector, line }: Lane, code: string): Promise<void> {
    const name = laneName({ connector, line })
    if (lines.has(name)) return
    const continued = resume(halfOpenLines.get(name) ?? null, code, now())
    halfOpenLines.delete(name)
    lines.set(name, { connector, line, ...continued ?? begin(code, wallTime(), now()) })
    if (continued === null) {
      observer?.onParked('line', code)
      log.error({ event: 'line.parked', connector, line, code }, 'line.parked')
    }
    await writeLines()
  }

  async function writeLines (): Promise<void> {
    await portals.write(portal, { parkedLines: parkedLines() }, condition)
  }

  function parkedLines (): ParkedLine[] {
    return [...lines.values()].map(({ connector, line, code, since }) => ({ connector, line, code, since }))
  }

  /**
   * Wakes the portal when its record says so: an install has been taken, by whichever process. A park that could not be stored ends here
   * too; if its cause is still there, the next call begins it again.
   */
  async function recheck (): Promise<void> {
    if (parked === null || writesEnded < writesBegun) return
    const writes = writesBegun
    const record = await portals.read(portal)
    if (parked === null || writes < writesBegun || conditionOf(record).portal !== 'ready') return
    wakePortal()
  }

  function wakePortal (): void {
    parked = null
    log.info({ event: 'portal.woken' }, 'portal.woken')
  }

  /** A probe that cannot be made (the database fails a renewal of the token) tells nothing: the park lasts. */
  async function probePortal (asked: Park): Promise<void> {
    try {
      const result = await session.call('app.info', {}, { signal })
      // An install has woken it meanwhile.
      if (parked !== asked) return
      if (result.kind === 'answered') {
        await writePortal(null)
        halfOpen = asked
        parked = null
        return
      }
      // That the portal is busy, say, does not tell whether it is still parked for what it was.
      const isOther = result.kind === 'refused' && actionFor(result.code, result.status) === 'park-portal'
      const code = isOther ? result.code : asked.code
      if (code !== asked.code) {
        if (!await writePortal({ code, since: asked.since }, result.tokensVersion)) {
          parked = prolong(asked, now())
          return await recheck()
        }
        report(code)
      }
      parked = prolong(asked, now(), code)
    } catch (error) {
      if (parked === asked) parked = prolong(asked, now())
      throw error
    }
  }

  async function probeLine (asked: Park & Lane): Promise<void> {
    const { connector, line } = asked
    const name = laneName(asked)
    try {
      const result = await session.call('imconnector.status', { CONNECTOR: connector, LINE: line }, { signal })
      if (result.kind !== 'answered' || !isActive(result.result)) {
        lines.set(name, { connector, line, ...prolong(asked, now()) })
        return
      }
      lines.delete(name)
      halfOpenLines.set(name, asked)
      await writeLines()
    } catch (error) {
      // It may have been parked again while its waking was being stored.
      if ((lines.get(name) ?? asked) === asked) lines.set(name, { connector, line, ...prolong(asked, now()) })
      throw error
    }
  }

  return {
    parkPortal,
    parkLine,
    recheck,

    /** A call for this lane has succeeded: what a probe has woken is well. */
    succeeded ({ connector, line }: Lane): void {
      if (halfOpen !== null) log.info({ event: 'portal.woken' }, 'portal.woken')
      halfOpen = null
      if (halfOpenLines.delete(laneName({ connector, line }))) log.info({ event: 'line.woken', connector, line }, 'line.woken')
    },

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
        const asked = { ...parked, probeAt: null }
        parked = asked
        return () => probePortal(asked)
      }
      const line = [...lines.values()].find(line => line.probeAt !== null && line.probeAt <= time)
      if (line === undefined) return null
      const asked = { ...line, probeAt: null }
      lines.set(laneName(asked), asked)
      return () => probeLine(asked)
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

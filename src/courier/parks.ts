import { actionFor, isProbed } from '../bitrix24/codes.ts'
import type { Session } from '../bitrix24/session.ts'
import type { HeldLease } from '../outbox/leases.ts'
import type { Log } from '../base/log.ts'
import type { Lane } from '../outbox/outbox.ts'
import type { ParkedLine, PortalRecord, Portals } from '../outbox/portals.ts'
import type { CourierObserver } from './delivery.ts'

const FIRST_PROBE_MS = 60_000
const SLOWEST_PROBE_MS = 15 * 60_000

interface ParksOptions {
  readonly portal: string
  readonly lease: Pick<HeldLease, 'epoch'>
  readonly portals: Portals
  readonly session: Pick<Session, 'call' | 'authorizeUrl'>
  readonly log: Log
  readonly now: () => number
  readonly wallTime: () => number
  readonly signal: AbortSignal
  readonly observer?: CourierObserver | undefined
}

/** The condition of the portal and its lines, for operators. */
export interface PortalCondition {
  /** `ready`, or the code for which the portal is parked. */
  readonly portal: string
  readonly since: number | null
  readonly lines: readonly ParkedLine[]
}

/** While the database cannot be read. */
export const UNKNOWN_CONDITION: PortalCondition = { portal: 'unknown', since: null, lines: [] }

/** The whole portal or one line of a connector can be parked. */
type Scope = 'portal' | Lane

interface Park {
  readonly scope: Scope
  readonly since: number
  code: string
  intervalMs: number
  /** Null if only an install can end the park. */
  probeAt: number | null
  isHalfOpen: boolean
}

/**
 * A parked portal or line gets no calls. A park loses no edit. It is logged once, probed every minute at first and later every 15 minutes, and ends
 * by itself or by an install. It is stored in the portal's record, for other processes and for the next leader. A probe cannot see every cause (a
 * missing scope, a method that needs confirmation). So a good probe makes the park half-open, like a circuit breaker: a successful call ends it, and
 * a call that is refused with the same code continues it.
 */
export function createParks (options: ParksOptions, record: PortalRecord) {
  const { portal, lease: { epoch }, portals, session, log, now, wallTime, signal, observer } = options
  const parks = new Map<string, Park>()
  /** Writes of the portal's park. During a write, the record does not show whether an install has ended the park. */
  let writesBegun = 0
  let writesEnded = 0

  // The causes of stored parks may be gone, so each is probed at once, whatever its code.
  const restored = conditionOf(record)
  if (restored.portal !== 'ready') report(add('portal', restored.portal, restored.since ?? wallTime()))
  for (const line of restored.lines) add(line, line.code, line.since)

  function add (scope: Scope, code: string, since: number): Park {
    const park = { scope, code, since, intervalMs: FIRST_PROBE_MS, probeAt: now(), isHalfOpen: false }
    parks.set(nameOf(scope), park)
    return park
  }

  function parkOf (scope: Scope): Park | null {
    const park = parks.get(nameOf(scope))
    return park === undefined || park.isHalfOpen ? null : park
  }

  /** `tokensVersion`: the refused tokens. If an install has stored newer ones, the portal is not parked. */
  async function park (scope: Scope, code: string, tokensVersion?: number): Promise<void> {
    if (parkOf(scope) !== null) return
    const halfOpen = parks.get(nameOf(scope))
    const isContinued = halfOpen?.code === code
    const park = isContinued ? halfOpen : add(scope, code, wallTime())
    park.isHalfOpen = false
    schedule(park)
    if (!isContinued) {
      observer?.onParked(scope === 'portal' ? 'portal' : 'line', code)
      report(park)
    }
    if (!await store(scope, tokensVersion)) wake(scope)
  }

  function schedule (park: Park): void {
    park.probeAt = isProbed(park.code) ? now() + park.intervalMs : null
  }

  /** If only an install can end the park, the log has the link by which an administrator can grant new tokens. */
  function report ({ scope, code }: Park): void {
    const event = scope === 'portal' ? 'portal.parked' : 'line.parked'
    const authorizeUrl = isProbed(code) ? null : session.authorizeUrl()
    log.error({ event, ...fieldsOf(scope), code, ...(authorizeUrl === null ? {} : { authorizeUrl }) }, event)
  }

  function wake (scope: Scope): void {
    const event = scope === 'portal' ? 'portal.woken' : 'line.woken'
    parks.delete(nameOf(scope))
    log.info({ event, ...fieldsOf(scope) }, event)
  }

  /** Stores the portal's park, or the parks of all lines. Returns false and stores nothing if there are newer tokens or the lease has ended. */
  async function store (scope: Scope, tokensVersion?: number): Promise<boolean> {
    if (scope !== 'portal') return await portals.write(portal, { parkedLines: parkedLines() }, { epoch })
    const park = parkOf(scope)
    writesBegun++
    try {
      return await portals.write(portal, { parked: park && { code: park.code, since: park.since } }, { epoch, tokensVersion })
    } finally {
      writesEnded++
    }
  }

  function parkedLines (): ParkedLine[] {
    return [...parks.values()].flatMap(({ scope, code, since, isHalfOpen }) =>
      scope === 'portal' || isHalfOpen ? [] : [{ connector: scope.connector, line: scope.line, code, since }])
  }

  /**
   * Ends the portal's park if its record has none, because a process has accepted an install. A park that could not be stored ends here too. If its
   * cause persists, the next call parks the portal again.
   */
  async function recheck (): Promise<void> {
    if (parkOf('portal') === null || writesEnded < writesBegun) return
    const writes = writesBegun
    const record = await portals.read(portal)
    if (parkOf('portal') !== null && writes === writesBegun && conditionOf(record).portal === 'ready') wake('portal')
  }

  async function probe (park: Park): Promise<void> {
    const { scope } = park
    const result = scope === 'portal'
      ? await session.call('app.info', {}, { signal })
      : await session.call('imconnector.status', { CONNECTOR: scope.connector, LINE: scope.line }, { signal })
    // An install may have ended the park meanwhile.
    if (parkOf(scope) !== park) return
    if (result.kind === 'answered' && (scope === 'portal' || isActive(result.result))) {
      await change(park, { isHalfOpen: true })
    } else if (scope === 'portal' && result.kind === 'refused' && result.code !== park.code && actionFor(result.code, result.status) === 'park-portal') {
      // Other codes say nothing about the cause: a busy portal, for example.
      if (!await change(park, { code: result.code }, result.tokensVersion)) return await recheck()
      schedule(park)
      report(park)
    }
  }

  /** Changes a park and stores it. Undoes the change if it cannot be stored. */
  async function change (park: Park, patch: Partial<Park>, tokensVersion?: number): Promise<boolean> {
    const former = { ...park }
    Object.assign(park, patch)
    let isStored = false
    try {
      isStored = await store(park.scope, tokensVersion)
    } finally {
      if (!isStored) Object.assign(park, former)
    }
    return isStored
  }

  /** The parks to probe. While the portal is parked, its lines are not probed. */
  function probed (): Park[] {
    const park = parkOf('portal')
    return park === null ? [...parks.values()].filter(park => !park.isHalfOpen) : [park]
  }

  return {
    park,
    recheck,

    /** A call for this lane has succeeded, which ends half-open parks. */
    succeeded (lane: Lane): void {
      for (const scope of ['portal', lane] as const) {
        if (parks.get(nameOf(scope))?.isHalfOpen) wake(scope)
      }
    },

    isParked: (scope: Scope): boolean => parkOf(scope) !== null,

    nextProbeAt: (): number => Math.min(...probed().map(park => park.probeAt ?? Infinity)),

    /** The due probe, or null. The next one is scheduled at once: after a failed probe the park lasts. */
    dueProbe (): (() => Promise<void>) | null {
      const time = now()
      const due = probed().find(park => park.probeAt !== null && park.probeAt <= time)
      if (due === undefined) return null
      due.intervalMs = Math.min(SLOWEST_PROBE_MS, due.intervalMs * 2)
      schedule(due)
      return () => probe(due)
    },

    condition (): PortalCondition {
      const park = parkOf('portal')
      return { portal: park?.code ?? 'ready', since: park?.since ?? null, lines: parkedLines() }
    },
  }
}

/** The condition by the portal's record, for a process that is not the leader. */
export function conditionOf ({ parked, tokens, parkedLines }: PortalRecord): PortalCondition {
  const installed = tokens === null ? 'not-installed' : 'ready'
  return { portal: parked?.code ?? installed, since: parked?.since ?? null, lines: parkedLines }
}

export function laneName ({ connector, line }: Lane): string {
  return `${connector}/${line}`
}

function nameOf (scope: Scope): string {
  return scope === 'portal' ? scope : laneName(scope)
}

function fieldsOf (scope: Scope): Partial<Lane> {
  return scope === 'portal' ? {} : { connector: scope.connector, line: scope.line }
}

function isActive (status: unknown): boolean {
  return typeof status === 'object' && status !== null && 'STATUS' in status && status.STATUS === true
}

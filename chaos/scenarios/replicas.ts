import { createSenders } from '../load.ts'
import type { PortalCall } from '../ground.ts'
import { BUCKET, LOOK_MS, openReplicas, type Replica, type Replicas } from '../replicas.ts'
import { drain, holds, judge, until, type Report } from '../verdict.ts'

/** Time for a new leader and for a call that is delayed meanwhile. */
const RECOVERY_MS = 90_000

/** After their clocks are moved, the relays need a few seconds to renew their lease at the database. */
const DRAIN = { patienceMs: 180_000, lookMs: LOOK_MS, stillLooks: 10 }

/** Longer than a former leader's refresh can run. */
const BEYOND_REFRESH_MS = 75_000

/** The portal's time for a message: usually, and when a call will be interrupted. */
const QUICK_MS = 3
const SLOW_MS = 100

/** Refreshes for which nothing was sent. */
const WAITED = 'relay_token_refreshes_total{outcome="unreachable"}'

interface Stage {
  readonly site: Replicas
  readonly faults: string[]
  /** Waits until the bucket is full, so the next leader has no requests left, and returns the leader. */
  fullLeader (): Promise<Replica>
  /** Sends an edit through `via` and notes how long after `since` it is acknowledged, and how long after that it is in the portal. */
  recovers (via: Replica, since: number): Promise<void>
}

export interface Harm {
  readonly scenario: string
  /** The number of rounds when run by hand. */
  readonly rounds: number
  /** A paused leader may make one last write to a socket when it resumes, so the portal may show an older text for a while. */
  readonly mayShowOlder?: boolean
  readonly run: (stage: Stage, round: number) => Promise<void>
}

/** `kill -9`: the leader twice, then one of the others. */
export const kill: Harm = {
  scenario: 'replicas: kill -9',
  rounds: 6,
  async run ({ site, fullLeader, recovers }, round) {
    const leader = await fullLeader()
    const victim = round % 3 === 2 ? site.others(leader)[0] as Replica : leader
    const since = performance.now()
    await site.kill(victim)
    await recovers(site.others(victim)[0] as Replica, since)
    await site.start(victim)
  },
}

/** The leader is paused during a call until another one has the lease, and then resumes: it reads the answer after its lease has ended. */
export const pause: Harm = {
  scenario: 'replicas: leader paused past its lease',
  rounds: 4,
  mayShowOlder: true,
  async run ({ site, faults, fullLeader, recovers }) {
    const leader = await fullLeader()
    await site.load({ msPerMessage: SLOW_MS })
    const isCalled = async (): Promise<boolean> => (await site.calls()).some(({ method, durationMs }) => method === 'imconnector.update.messages' && durationMs === null)
    if (!await until(isCalled)) faults.push('no call was begun')
    const since = performance.now()
    site.pause(leader)
    await site.load({ msPerMessage: QUICK_MS })
    await recovers(site.others(leader)[0] as Replica, since)
    await site.leader()
    site.resume(leader)
    await recovers(leader, performance.now())
    await site.leader()
  },
}

/** The connection to the database breaks, or is held and delivers late: the leader's, the leader's, another replica's. */
export const cut: Harm = {
  scenario: 'replicas: cut off from PostgreSQL',
  rounds: 6,
  async run ({ site, fullLeader, recovers }, round) {
    const leader = await fullLeader()
    const victim = round % 3 === 2 ? site.others(leader)[0] as Replica : leader
    const since = performance.now()
    for (const gate of victim.gates) round % 2 === 0 ? gate.hold() : gate.cut()
    await recovers(site.others(victim)[0] as Replica, since)
    if (victim === leader) await site.leader(victim)
    for (const gate of victim.gates) gate.open()
    await recovers(victim, performance.now())
    await site.leader()
  },
}

/** Backends are killed; the server crashes; the server is restarted regularly. */
export const restart: Harm = {
  scenario: 'replicas: PostgreSQL restarted, backends killed',
  rounds: 6,
  async run ({ site, recovers }, round) {
    const since = performance.now()
    if (round % 3 === 0) await site.cluster.killBackends()
    else await site.cluster.restart(round % 3 === 1 ? 'immediate' : 'fast')
    await Promise.all(site.all.map(replica => recovers(replica, since)))
  },
}

export const failOver: Harm = {
  scenario: 'replicas: primary killed, standby promoted',
  rounds: 4,
  async run ({ site, recovers }, round) {
    if (round > 0) await site.cluster.attachStandby()
    const since = performance.now()
    await site.cluster.failOver()
    await Promise.all(site.all.map(replica => recovers(replica, since)))
  },
}

/** The leader is paused, or killed, during its refresh: the next leader must not start a second one. */
export const refresh: Harm = {
  scenario: 'replicas: leader lost within a refresh',
  rounds: 4,
  mayShowOlder: true,
  async run ({ site, faults, fullLeader, recovers }, round) {
    const isKilled = round % 2 === 1
    const leader = await fullLeader()
    const before = await refreshesOf(site)
    const waited = new Map(await Promise.all(site.all.map(async replica => [replica, await site.sample(replica, WAITED) ?? 0] as const)))
    site.oauthGate.hold()
    await site.fault([{ method: 'imconnector.update.messages', fault: 'expired-token' }])
    if (!await until(async () => site.oauthGate.heldSenders() > 0)) faults.push('no refresh was begun')
    if (isKilled) {
      await site.kill(leader)
      // The request is lost with its process.
      site.oauthGate.cut()
      site.oauthGate.open()
    } else {
      site.pause(leader)
    }
    const recovered = recovers(site.others(leader)[0] as Replica, performance.now())
    const next = await site.leader()
    // The next leader gets the refused token and finds that a refresh may be running.
    const hasWaited = async (): Promise<boolean> => (await site.sample(next, WAITED) ?? 0) > (waited.get(next) ?? 0)
    if (!await until(hasWaited, RECOVERY_MS, LOOK_MS)) faults.push('the next leader did not meet the refused token')
    if (!isKilled && site.oauthGate.heldSenders() !== 1) faults.push(`${site.oauthGate.heldSenders()} refreshes at once`)
    if (await refreshesOf(site) !== before) faults.push('the next leader did not wait for the refresh that may still be running')
    if (isKilled) {
      await site.start(leader)
      await site.pass(BEYOND_REFRESH_MS)
    } else {
      site.oauthGate.open()
      site.resume(leader)
    }
    await recovered
    const asked = await refreshesOf(site) - before
    if (asked !== 1) faults.push(`${asked} refreshes where one would do`)
  },
}

export const harms = [kill, cut, restart, failOver, refresh, pause] as const

/**
 * Three replicas under load on one PostgreSQL with a synchronous standby, and a portal that enforces its limits. Each harm is done for its number of
 * rounds, then everything is delivered and judged. One report for each harm; those that may show an older text come last.
 */
export async function replicas (chosen: ReadonlyArray<readonly [Harm, number]>, { senderCount = 9, leaseMs = null }: { senderCount?: number, leaseMs?: number | null } = {}): Promise<Report[]> {
  const probes = chosen.flatMap(([, rounds], harm) => Array.from({ length: rounds }, (_, round) => Array.from({ length: 4 }, (_, index) => `p${harm}-${round}-${index}`))).flat()
  const site = await openReplicas(probes, leaseMs)
  const reports: Report[] = []
  try {
    await site.load({ msPerMessage: QUICK_MS })
    const senders = createSenders(site)
    for (const [harm, rounds] of chosen) {
      const faults: string[] = []
      const waits: Array<{ acknowledgedMs: number, deliveredMs: number }> = []
      const stopLoad = senders.run(senderCount, 80)
      const stage: Stage = {
        site,
        faults,
        async fullLeader () {
          if (!await until(async () => await site.bucketLevel() > BUCKET.burst - 1, RECOVERY_MS, LOOK_MS)) faults.push('the load does not fill the bucket')
          return await site.leader()
        },
        async recovers (via, since) {
          const probe = probes.shift() as string
          if (!await until(async () => (await senders.edit(probe, via.url)).status === 202, RECOVERY_MS)) faults.push('webhooks are not acknowledged again')
          const acknowledgedMs = performance.now() - since
          const isShown = async (): Promise<boolean> => (await site.messages()).some(({ message, text }) => message === probe && text !== `${probe} #0`)
          if (!await until(isShown, RECOVERY_MS)) faults.push('edits are not delivered again')
          waits.push({ acknowledgedMs, deliveredMs: performance.now() - since })
        },
      }
      for (let round = 0; round < rounds; round++) {
        await senders.acknowledged(20)
        await harm.run(stage, round)
      }
      await stopLoad()
      const installs = await drain(site, senders, DRAIN)
      if (installs > 0) faults.push(`${installs} installs were needed`)
      const calls = await site.calls()
      faults.push(...violations(calls))
      const notes = [
        `acknowledging again after ${inSeconds(waits.map(({ acknowledgedMs }) => acknowledgedMs))}`,
        `delivering again after ${inSeconds(waits.map(({ deliveredMs }) => deliveredMs))}`,
        `${Math.floor(fullest(calls))} of ${BUCKET.burst} requests in the bucket at most`,
      ]
      const report = await judge(site, senders, { scenario: harm.scenario, rounds, faults, notes })
      reports.push(harm.mayShowOlder === true ? { ...report, older: 0, notes: [...report.notes, `${report.older} showed an older text for a while`] } : report)
      if (!holds(report) && reports.length < chosen.length) break
    }
    return reports
  } finally {
    await site.close()
  }
}

/** Requests are counted before they are sent: two of each leader may be in transit and arrive together. */
const IN_TRANSIT = 4

/** Violations of the portal's rules, from its own record of calls. */
function violations (calls: readonly PortalCall[]): string[] {
  const faults: string[] = []
  const exceeded = calls.filter(({ error }) => error === 'QUERY_LIMIT_EXCEEDED').length
  if (exceeded > 0) faults.push(`the portal's limit was exceeded ${exceeded} times`)
  if (fullest(calls) > BUCKET.burst + IN_TRANSIT) faults.push(`${Math.floor(fullest(calls))} requests in a bucket for ${BUCKET.burst}`)
  const refreshes = calls.filter(({ method, application }) => method === 'oauth.token' && application === 'local.relay')
  const refused = refreshes.filter(({ error }) => error !== null).length
  if (refused > 0) faults.push(`${refused} refreshes used an old token`)
  const overlapping = refreshes.filter(({ at }, index) => refreshes.slice(0, index).some(earlier => Date.parse(earlier.at) + (earlier.durationMs ?? Infinity) > Date.parse(at)))
  if (overlapping.length > 0) faults.push(`${overlapping.length} refreshes began within another one`)
  return faults
}

/** The highest level of our share of the portal's leaky bucket, by what arrived there. */
function fullest (calls: readonly PortalCall[]): number {
  let level = 0
  let highest = 0
  let before = 0
  for (const { application, method, at } of calls) {
    if (application === 'local.connector' || method === 'oauth.token') continue
    const time = Date.parse(at)
    level = Math.max(0, level - (time - before) / 1000 * BUCKET.ratePerSecond) + 1
    before = time
    highest = Math.max(highest, level)
  }
  return highest
}

async function refreshesOf (site: Replicas): Promise<number> {
  return (await site.calls()).filter(({ method, application }) => method === 'oauth.token' && application === 'local.relay').length
}

/** The median and the longest. */
function inSeconds (milliseconds: readonly number[]): string {
  const sorted = milliseconds.map(ms => ms / 1000).sort((a, b) => a - b)
  return `${sorted[Math.floor(sorted.length / 2)]?.toFixed(1)} s, at most ${sorted.at(-1)?.toFixed(1)} s`
}

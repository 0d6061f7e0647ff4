import t from 'tap'
import { createLeadership } from '../../src/courier/leadership.ts'
import type { HeldLease, Leases, Signal } from '../../src/outbox/leases.ts'
import { StoreUnavailable } from '../../src/base/errors.ts'
import { eventually } from '../portal.ts'

const LEASE_MS = 300

/** A lease as a server keeps it, by a clock that a test moves; `away` makes every question fail. */
function createServer () {
  const server = { time: 0, away: false, epoch: 0, leader: null as string | null, until: 0, asked: 0, askedAt: 0, answersAfterMs: 0 }
  const answer = <Value>(value: () => Value): Promise<Value> => {
    server.asked++
    if (server.away) return Promise.reject(new StoreUnavailable('away'))
    server.askedAt = server.time
    const answered = value()
    server.time += server.answersAfterMs
    return Promise.resolve(answered)
  }
  const leases: Leases = {
    leaseMs: LEASE_MS,
    acquire: (_portal, replica) => answer(() => {
      if (server.leader !== null && server.leader !== replica && server.until > server.time) return null
      const isOrphaned = server.leader !== null
      Object.assign(server, { leader: replica, until: server.time + LEASE_MS, epoch: server.epoch + 1 })
      return { epoch: server.epoch, isOrphaned }
    }),
    renew: (_portal, epoch) => answer(() => {
      if (epoch !== server.epoch || server.leader === null) return false
      server.until = server.time + LEASE_MS
      return true
    }),
    release: (_portal, epoch) => answer(() => { if (epoch === server.epoch) server.leader = null }),
  }
  return { server, leases }
}

function createProcess (leases: Leases, now: () => number, replica: string) {
  const heard: Array<(signal: Signal) => void> = []
  const sent: Signal[] = []
  const events: string[] = []
  const leads: HeldLease[] = []
  const process = { failsToLead: false, ending: Promise.resolve() }
  const leadership = createLeadership({
    portal: 'example.bitrix24.ru',
    replica,
    leases,
    signals: { send: (_portal, signal) => { sent.push(signal) }, listen: (_portal, listener) => { heard.push(listener) } },
    now,
    log: { info: (fields: { event?: string }) => { events.push(fields.event ?? '') }, warn: (fields: { event?: string }) => { events.push(fields.event ?? '') }, error: (fields: { event?: string }) => { events.push(fields.event ?? '') } },
    async lead (lease) {
      if (process.failsToLead) throw new Error('cannot begin')
      leads.push(lease)
      return {
        wake: () => { events.push('wake') },
        recheck: () => { events.push('recheck') },
        countCall: () => { events.push('call') },
        callPortal: () => { events.push('renew') },
        stop: async graceMs => {
          events.push(`stop ${graceMs}`)
          await process.ending
        },
      }
    },
  })
  return { leadership, process, leads, events, sent, hear: (signal: Signal) => heard.forEach(listener => listener(signal)) }
}

t.test('the lease is renewed while its leader lives, and the others have none', async t => {
  const { server, leases } = createServer()
  const [a, b] = [createProcess(leases, () => server.time, 'a'), createProcess(leases, () => server.time, 'b')]
  await a.leadership.start()
  await b.leadership.start()
  t.ok(a.leadership.leader())
  t.equal(b.leadership.leader(), null)
  for (let step = 0; step < 4; step++) {
    const { asked } = server
    server.time += LEASE_MS / 3
    await eventually(async () => server.asked, count => count >= asked + 2)
  }
  t.equal(a.leads[0]?.isHeld(), true, 'beyond its first time')
  t.equal(b.leadership.leader(), null)
  t.ok(a.events.includes('recheck'), 'each renewal is a look at the store')

  a.hear('edits')
  a.hear('portal')
  a.hear('call')
  a.hear('token')
  t.strictSame(a.events.filter(event => ['wake', 'call', 'renew'].includes(event)), ['wake', 'call', 'renew'])
  await a.leadership.stop(50)
  t.ok(a.events.includes('stop 50'))
  t.strictSame(a.sent, ['lease'])
  b.hear('lease')
  await eventually(async () => b.leadership.leader(), leader => leader !== null)
  t.match(b.leads, [{ epoch: 2, isOrphaned: false }])
  await b.leadership.stop(0)
})

t.test('a leader that cannot reach the store stops by its own clock, and starts again when it can', async t => {
  const { server, leases } = createServer()
  const { leadership, leads, events } = createProcess(leases, () => server.time, 'a')
  await leadership.start()
  server.away = true
  server.time += LEASE_MS
  t.equal(leads[0]?.isHeld(), false, 'before it has even asked')
  await eventually(async () => leadership.leader(), leader => leader === null)
  t.ok(events.includes('lease.lost'))
  t.ok(events.some(event => event.startsWith('stop ')))
  server.away = false
  await eventually(async () => leadership.leader(), leader => leader !== null)
  t.match(leads[1], { epoch: 2, isOrphaned: true }, 'its own last request may be under way')
  t.equal(leads[1]?.isHeld(), true)
  t.equal(leads[0]?.isHeld(), false)
  await leadership.stop(0)
})

t.test('a lease runs from before it was asked for, however long the answer takes', async t => {
  const { server, leases } = createServer()
  const { leadership, leads } = createProcess(leases, () => server.time, 'a')
  server.answersAfterMs = LEASE_MS / 3
  await leadership.start()
  const isHeldFor = (ms: number): boolean => {
    const { time } = server
    server.time = server.askedAt + ms
    const isHeld = leads[0]?.isHeld() ?? false
    server.time = time
    return isHeld
  }
  t.strictSame([LEASE_MS - 1, LEASE_MS].map(isHeldFor), [true, false])
  const { asked } = server
  await eventually(async () => server.asked, count => count > asked)
  t.strictSame([LEASE_MS - 1, LEASE_MS].map(isHeldFor), [true, false], 'as does a renewal')
  await leadership.stop(0)
})

t.test('a paused leader whose lease was taken finds out at its next look', async t => {
  const { server, leases } = createServer()
  const { leadership, leads } = createProcess(leases, () => server.time, 'a')
  await leadership.start()
  Object.assign(server, { epoch: 2, leader: 'b', until: Infinity })
  await eventually(async () => leadership.leader(), leader => leader === null)
  t.equal(leads[0]?.isHeld(), false)
  await leadership.stop(0)
  t.equal(server.leader, 'b', 'and releases nothing')
})

t.test('a lease whose work cannot start is released', async t => {
  const { server, leases } = createServer()
  const { leadership, process } = createProcess(leases, () => server.time, 'a')
  process.failsToLead = true
  await t.rejects(leadership.start(), { message: 'cannot begin' })
  t.equal(server.leader, null)
})

t.test('the lease is renewed until the work has ended', async t => {
  const { server, leases } = createServer()
  const { leadership, process, leads } = createProcess(leases, () => server.time, 'a')
  await leadership.start()
  const { promise, resolve } = Promise.withResolvers<void>()
  process.ending = promise
  const stopped = leadership.stop(10_000)
  for (let step = 0; step < 6; step++) {
    const { asked } = server
    server.time += LEASE_MS / 3
    await eventually(async () => server.asked, count => count > asked)
  }
  t.equal(leads[0]?.isHeld(), true)
  resolve()
  await stopped
  t.equal(server.leader, null)
})

t.test('a lease that is taken while its process stops ends before others can have one', async t => {
  const { server, leases } = createServer()
  const a = createProcess(leases, () => server.time, 'a')
  await a.leadership.start()
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const slow: Leases = {
    ...leases,
    async acquire (portal, replica) {
      if (server.leader === null) {
        asked.resolve()
        await answer.promise
      }
      return await leases.acquire(portal, replica)
    },
  }
  const b = createProcess(slow, () => server.time, 'b')
  await b.leadership.start()
  await a.leadership.stop(0)
  b.hear('lease')
  await asked.promise
  const stopped = b.leadership.stop(5)
  answer.resolve()
  await stopped
  t.ok(b.events.includes('stop 5'))
  t.equal(b.leads[0]?.isHeld(), false)
  t.equal(b.leadership.leader(), null, 'what comes now is for the next leader')
  t.equal(server.leader, null)
})

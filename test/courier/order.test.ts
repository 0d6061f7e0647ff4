import t from 'tap'
import fc from 'fast-check'
import { join } from 'node:path'
import { compareRevisions } from '../../src/edit/edit.ts'
import type { IncomingEdit, Outbox } from '../../src/outbox/outbox.ts'
import { openStore } from '../../src/outbox/open.ts'
import { imbalance, openInMemory } from './simulation/engines.ts'
import { createWorld, type Event } from './simulation/world.ts'

const MESSAGES = 3

const sent = fc.array(fc.record({
  message: fc.nat(MESSAGES - 1),
  at: fc.integer({ min: 1, max: 5 }),
  tie: fc.nat(1),
  text: fc.constantFrom('a', 'b', 'c', 'd'),
  refused: fc.integer({ min: 0, max: 19 }).map(number => number === 0),
}), { minLength: 1, maxLength: 25 })

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('step' as const), which: fc.nat(9), choice: fc.nat(9) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('arrive' as const), together: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 1000, 5000, 30_000, 55_000, 71_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('late' as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) }
)

const scenario = fc.record({ sent, events: fc.array(event, { minLength: 10, maxLength: 150, size: 'max' }), settleMs: fc.constantFrom(0, 0, 1000) })

type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never

/** What the portal has to show in the end: of the greatest revision the content that was new there last. */
function expectedText (edits: readonly IncomingEdit[]): string | undefined {
  const deliverable = edits.filter(edit => edit.refusal === null)
  const greatest = deliverable.map(({ edit }) => edit.revision).reduce((one, other) => compareRevisions(other, one) > 0 ? other : one, { at: 0, tie: 0n })
  const texts = deliverable.filter(({ edit }) => compareRevisions(edit.revision, greatest) === 0).map(({ edit }) => edit.message.text)
  return [...new Set(texts)].at(-1)
}

async function broken (outbox: Outbox, portal: string, { sent, events, settleMs }: Scenario): Promise<string[]> {
  const before = await outbox.ledger()
  const world = createWorld(outbox, portal, sent, settleMs)
  const weigh = async (): Promise<void> => {
    const wrong = imbalance(await outbox.ledger(), await outbox.backlog(portal))
    if (wrong !== null) world.faults.push(wrong)
  }
  await world.begin()
  for (const event of events) {
    await world.play(event)
    await weigh()
    if (world.faults.length > 0) break
  }
  await world.finish(async () => (await outbox.backlog(portal)).pending === 0)
  await weigh()

  for (let message = 0; message < MESSAGES; message++) {
    const edits = world.committed.filter(edit => edit.key.message === `m${message}`)
    const text = world.portal.history(`m${message}`).at(-1)?.text
    if (text !== expectedText(edits)) world.faults.push(`m${message} ends with ${text} instead of ${expectedText(edits)}`)
  }
  const after = await outbox.ledger()
  const { accepted, refused } = world.counts()
  if (after.accepted - before.accepted !== accepted) world.faults.push(`${accepted} were accepted, and the ledger says ${after.accepted - before.accepted}`)
  if (after.dead - before.dead !== refused) world.faults.push(`${refused} were refused, and the ledger says ${after.dead - before.dead} are dead`)
  if (after.pending !== 0) world.faults.push(`${after.pending} are pending for ever`)
  return world.faults
}

t.test('whatever the order, the repeats, the interleaving and the crashes, the portal ends with the newest text and never shows an older one again', async t => {
  await t.resolves(fc.assert(fc.asyncProperty(scenario, async scenario => {
    const { outbox, close } = openInMemory()
    const faults = await broken(outbox, 'example.bitrix24.ru', scenario)
    close()
    if (faults.length > 0) throw new Error(faults.join('; '))
  }), { numRuns: 400 }))
})

t.test('the same holds on the store with its threads and its file', async t => {
  const store = await openStore({ databaseUrl: `file:${join(t.testdir(), 'relay.db')}`, encryptionKey: null, now: () => 1 })
  t.teardown(() => store.close())
  let runs = 0
  await t.resolves(fc.assert(fc.asyncProperty(scenario, async scenario => {
    const faults = await broken(store.outbox, `run-${runs++}.bitrix24.ru`, scenario)
    if (faults.length > 0) throw new Error(faults.join('; '))
  }), { numRuns: 10 }))
})

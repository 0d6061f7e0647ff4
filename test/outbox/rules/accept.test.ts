import t from 'tap'
import fc from 'fast-check'
import { contentDigest, messageRowId } from '../../../src/edit/edit.ts'
import { accept, type IdentifiedEdit } from '../../../src/outbox/rules/accept.ts'
import { endCall } from '../../../src/outbox/rules/outcome.ts'
import { freshHistory, type LedgerDelta, type OutboxRow } from '../../../src/outbox/rules/row.ts'
import { deliveredRow, heldRow, incoming, type EditOptions } from '../edits.ts'

/** Applies the rules to one row and counts as a store does. */
function createRow () {
  let row: OutboxRow | null = null
  const ledger = { accepted: 0, superseded: 0, delivered: 0, dead: 0 }
  const add = (delta: LedgerDelta) => {
    for (const name of Object.keys(delta) as Array<keyof LedgerDelta>) ledger[name] += delta[name] ?? 0
  }
  return {
    ledger,
    row: () => row as OutboxRow | null,
    text: () => (row as OutboxRow | null)?.edit?.message.text,
    take (edit: IdentifiedEdit) {
      const accepted = accept(row, edit)
      row = accepted.row ?? row
      add(accepted.delta)
      return accepted.result.outcome
    },
    claim (callId: string) {
      if (row === null || row.callId !== null || row.dueAt === null) return
      row = { ...row, callId, callVersion: row.version, dueAt: null }
    },
    end (callId: string, result: 'delivered' | 'dead' | 'retry') {
      if (row === null || row.callId === null) return
      const base = { id: row.id, version: row.callVersion as number }
      const change = endCall(row, callId, result === 'delivered'
        ? { ...base, result, flags: [] }
        : result === 'dead'
          ? { ...base, result, reason: 'rejected', words: null, quarantineUntil: null }
          : { ...base, result, dueAt: 1, history: freshHistory(0), quarantineUntil: null }, 1)
      row = change?.row ?? row
      add(change?.delta ?? {})
    },
  }
}

const digestOf = (text: string) => contentDigest({ text, files: [] })

t.test('the first edit of a message makes its row', async t => {
  const edit = incoming({ at: 5, tie: 2n, text: 'new', date: 10, files: 2, now: 100_000, settleMs: 2000 })
  t.strictSame(accept(null, edit), {
    result: { id: messageRowId(edit.key), outcome: 'accepted', dueAt: 102_000 },
    row: {
      id: messageRowId(edit.key),
      channel: 'default',
      chat: 'c1',
      message: 'm1',
      revision: { at: 5, tie: 2n },
      seen: [contentDigest(edit.edit.message)],
      edit: { user: edit.edit.user, message: edit.edit.message, chat: edit.edit.chat, allowAnonymous: false },
      version: 1,
      state: 'pending',
      reason: null,
      words: null,
      acceptedAt: 100_000,
      waitingSince: 100_000,
      finishedAt: null,
      dueAt: 102_000,
      askAt: null,
      history: { attempts: 0, chunkLimit: 1, suspicions: 0, suspectedAt: null, unknownUserRepeats: 0, flags: [] },
      callId: null,
      callVersion: null,
      quarantineVersion: null,
      quarantineUntil: null,
      overtaken: false,
      refused: null,
      texts: [],
      confirmedAt: null,
      textDiffers: false,
      portalUser: null,
      calls: [],
    },
    delta: { accepted: 1, superseded: 0 },
  })
})

t.test('a newer edit of a dead message starts again, and keeps the quarantine, the refused revision and the calls', async t => {
  const held = heldRow({
    state: 'dead',
    reason: 'rejected',
    words: 'no',
    finishedAt: 2000,
    waitingSince: null,
    dueAt: null,
    history: { ...freshHistory(0), attempts: 3, chunkLimit: 2, flags: ['unknown-user'] },
    quarantineVersion: 1,
    quarantineUntil: 70_000,
    refused: { revision: { at: 1, tie: 0n }, reason: 'too-old', seen: ['x'] },
    calls: [{ callId: 'call-1', at: 1, durationMs: 2, code: 'ok', words: null }],
  })
  const newer = { ...incoming({ at: 2, text: 'new', now: 3000, settleMs: 2000 }), channel: 'other' }
  const { user, message, chat } = newer.edit
  t.strictSame(accept(held, newer), {
    result: { id: held.id, outcome: 'accepted', dueAt: 70_000 },
    row: {
      ...held,
      channel: 'other',
      revision: { at: 2, tie: 0n },
      seen: [digestOf('new')],
      edit: { user, message, chat, allowAnonymous: false },
      version: 2,
      state: 'pending',
      reason: null,
      words: null,
      acceptedAt: 3000,
      waitingSince: 3000,
      finishedAt: null,
      dueAt: 70_000,
      history: freshHistory(0),
    },
    delta: { accepted: 1, superseded: 0 },
  })
})

t.test('an edit supersedes the one that waits, and waits from its time on', async t => {
  const { row, delta } = accept(heldRow(), incoming({ at: 2, text: 'new', now: 3000 }))
  t.match(row, { version: 2, acceptedAt: 3000, waitingSince: 1000 })
  t.strictSame(delta, { accepted: 1, superseded: 1 })
})

t.test('an edit leaves a call alone, and does not supersede the one that the call carries', async t => {
  const held = heldRow({ callId: 'call', callVersion: 1, dueAt: null })
  const second = accept(held, incoming({ at: 2, text: 'second', now: 3000 }))
  t.match(second.row, { callId: 'call', callVersion: 1, version: 2, waitingSince: 3000, dueAt: 3000 })
  t.strictSame(second.delta, { accepted: 1, superseded: 0 })
  const third = accept(second.row, incoming({ at: 3, text: 'third', now: 4000 }))
  t.match(third.row, { callId: 'call', callVersion: 1, version: 3, waitingSince: 3000 })
  t.strictSame(third.delta, { accepted: 1, superseded: 1 })
})

t.test('an edit is never due before it came, however long others have waited', async t => {
  t.equal(accept(heldRow(), incoming({ at: 2, text: 'new', now: 100_000, settleMs: 2000 })).row?.dueAt, 100_000)
})

t.test('a newer revision of the same content changes only the revision and what was seen there', async t => {
  const held = deliveredRow({ seen: ['x', digestOf('Hello')] })
  t.strictSame(accept(held, incoming({ at: 2, replaces: 'before', now: 3000 })), {
    result: { id: held.id, outcome: 'duplicate', dueAt: null },
    row: { ...held, revision: { at: 2, tie: 0n }, seen: [digestOf('before'), digestOf('Hello')] },
    delta: {},
  })
})

t.test('a newer revision may return to a content that is not the last of the older one', async t => {
  const held = createRow()
  for (const text of ['A', 'B']) held.take(incoming({ at: 1, text }))
  t.equal(held.take(incoming({ at: 2, text: 'A' })), 'accepted')
  t.equal(held.text(), 'A')
})

t.test('a stale edit and a known one change nothing', async t => {
  const held = heldRow({ revision: { at: 5, tie: 1n } })
  for (const [outcome, options] of [['stale', { at: 4 }], ['stale', { at: 5, tie: 0n }], ['duplicate', { at: 5, tie: 1n }]] as const) {
    t.strictSame(accept(held, incoming(options)), { result: { id: held.id, outcome, dueAt: null }, row: null, delta: {} })
  }
})

t.test('a refused edit of an unknown message makes a dead row that holds nothing', async t => {
  const edit = incoming({ at: 5, tie: 2n, text: '', refusal: 'empty-text', now: 3000 })
  t.strictSame(accept(null, edit), {
    result: { id: messageRowId(edit.key), outcome: 'refused', dueAt: null },
    row: {
      id: messageRowId(edit.key),
      channel: 'default',
      chat: 'c1',
      message: 'm1',
      revision: null,
      seen: [],
      edit: null,
      version: 0,
      state: 'dead',
      reason: 'empty-text',
      words: null,
      acceptedAt: 3000,
      waitingSince: null,
      finishedAt: 3000,
      dueAt: null,
      askAt: null,
      history: freshHistory(0),
      callId: null,
      callVersion: null,
      quarantineVersion: null,
      quarantineUntil: null,
      overtaken: false,
      refused: { revision: { at: 5, tie: 2n }, reason: 'empty-text', seen: [digestOf('')] },
      texts: [],
      confirmedAt: null,
      textDiffers: false,
      portalUser: null,
      calls: [],
    },
    delta: { accepted: 1, dead: 1 },
  })
})

t.test('a refused edit stands beside a pending one and in the place of a finished one', async t => {
  const refusal = incoming({ at: 2, text: '', refusal: 'empty-text', now: 3000 })
  const refused = { revision: { at: 2, tie: 0n }, reason: 'empty-text', seen: [digestOf('')] }
  const pending = heldRow()
  t.strictSame(accept(pending, refusal), { result: { id: pending.id, outcome: 'refused', dueAt: null }, row: { ...pending, refused }, delta: { accepted: 1, dead: 1 } })
  const dead = deliveredRow({ state: 'dead', reason: 'rejected', words: 'no', dueAt: 7 })
  t.strictSame(accept(dead, refusal).row, { ...dead, reason: 'empty-text', words: null, acceptedAt: 3000, finishedAt: 3000, dueAt: null, refused })
  t.match(accept(deliveredRow(), refusal).row, { state: 'dead', reason: 'empty-text' })
})

t.test('a refused edit that is older than one of its kind, or than the held one, is stale', async t => {
  const refusal = (options: EditOptions) => incoming({ refusal: 'empty-text', text: '', ...options })
  const refused = { revision: { at: 5, tie: 0n }, reason: 'empty-text', seen: [digestOf('')] } as const
  const outcomeOf = (held: OutboxRow, options: EditOptions) => accept(held, refusal(options)).result.outcome
  t.equal(outcomeOf(heldRow({ refused }), { at: 4 }), 'stale')
  t.equal(outcomeOf(heldRow({ refused }), { at: 5 }), 'duplicate')
  t.equal(outcomeOf(heldRow({ revision: { at: 9, tie: 0n }, refused }), { at: 5 }), 'duplicate', 'known, also when it is older than the held one')
  t.equal(outcomeOf(heldRow({ revision: { at: 9, tie: 0n } }), { at: 8 }), 'stale')
  t.equal(outcomeOf(heldRow({ revision: { at: 9, tie: 0n } }), { at: 9 }), 'refused')
})

t.test('what was refused at one revision is remembered until a newer one is refused', async t => {
  const held = createRow()
  const refuse = (at: number, text: string) => held.take(incoming({ at, text, refusal: 'too-old' }))
  t.strictSame([refuse(1, 'A'), refuse(1, 'B'), refuse(1, 'A')], ['refused', 'refused', 'duplicate'])
  t.strictSame(held.row()?.refused?.seen, ['A', 'B'].map(digestOf))
  t.equal(refuse(2, 'A'), 'refused')
  t.strictSame(held.row()?.refused?.seen, [digestOf('A')])
})

t.test('the first edit that can be delivered replaces what a refused one left', async t => {
  const { row: held } = accept(null, incoming({ at: 5, text: '', refusal: 'empty-text' }))
  const { row, delta } = accept(held, incoming({ at: 4, now: 3000 }))
  t.match(row, { version: 1, state: 'pending', reason: null, finishedAt: null, waitingSince: 3000, revision: { at: 4 }, refused: { revision: { at: 5 } } })
  t.strictSame(delta, { accepted: 1, superseded: 0 })
})

t.test('a crowded revision takes 256 contents and none that it may have forgotten, so no older text comes back', async t => {
  const texts = Array.from({ length: 258 }, (_, index) => `text ${index}`)
  for (const refusal of [null, 'too-old'] as const) {
    const held = createRow()
    const outcomes = [...texts, ...texts].map(text => held.take(incoming({ text, refusal })))
    const taken = refusal === null ? 'accepted' : 'refused'
    t.strictSame(outcomes, [...texts.map((_, index) => index < 256 ? taken : 'stale'), ...texts.map((_, index) => index < 256 ? 'duplicate' : 'stale')])
    t.strictSame(refusal === null ? held.row()?.seen : held.row()?.refused?.seen, texts.slice(0, 256).map(digestOf))
    t.match(held.take(incoming({ at: 2, text: 'text 257', refusal })), taken, 'a newer revision has room')
  }
})

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('edit' as const), at: fc.integer({ min: 1, max: 6 }), text: fc.constantFrom('a', 'b', 'c') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refused' as const), at: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'claim' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), result: fc.constantFrom('delivered' as const, 'dead' as const, 'retry' as const) }) }
)

/** The waiting content of a row, and the claimed one while a call carries it. */
function pendingRevisions (row: OutboxRow): number {
  if (row.state !== 'pending') return 0
  return row.callId !== null && row.callVersion !== row.version ? 2 : 1
}

t.test('after every step, whatever the order, accepted = superseded + delivered + dead + pending', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(fc.array(step, { maxLength: 40 }), steps => {
    const held = createRow()
    for (const each of steps) {
      if (each.kind === 'edit') held.take(incoming({ at: each.at, text: each.text }))
      if (each.kind === 'refused') held.take(incoming({ at: each.at, text: '', refusal: 'empty-text' }))
      if (each.kind === 'claim') held.claim('call')
      if (each.kind === 'end') held.end('call', each.result)
      const row = held.row()
      const pending = row === null ? 0 : pendingRevisions(row)
      const { accepted, superseded, delivered, dead } = held.ledger
      if (accepted !== superseded + delivered + dead + pending) return false
    }
    return true
  }), { numRuns: 2000 }))
})

t.test('whatever the order of arrival, the greatest revision is held, and its last new content', async t => {
  const edits = fc.uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 12 })
  t.doesNotThrow(() => fc.assert(fc.property(edits, fc.infiniteStream(fc.nat()), (ats, order) => {
    const held = createRow()
    const shuffled = ats.map(at => ({ at, key: order.next().value as number })).sort((a, b) => a.key - b.key)
    for (const { at } of [...shuffled, ...shuffled]) held.take(incoming({ at, text: `text ${at}` }))
    const greatest = Math.max(...ats)
    return held.row()?.revision?.at === greatest && held.text() === `text ${greatest}`
  })))
})

t.test('edits of one revision that say what they replace', async t => {
  /** Each text replaces the one before it; the first is the original. */
  function edits (texts: readonly string[]): IdentifiedEdit[] {
    return texts.slice(1).map((text, index) => incoming({ text, replaces: texts[index] ?? '' }))
  }

  function take (arrivals: readonly IdentifiedEdit[]) {
    const held = createRow()
    const outcomes = arrivals.map(edit => held.take(edit))
    return { outcomes, text: held.text(), seen: held.row()?.seen }
  }

  const numbered = (count: number) => Array.from({ length: count + 1 }, (_, index) => `text ${index}`)

  t.test('two in the wrong order', async t => {
    const { outcomes, seen } = take(edits(numbered(2)).toReversed())
    t.strictSame(outcomes, ['accepted', 'duplicate'])
    t.strictSame(seen, numbered(2).map(digestOf), 'what the late one replaced is the oldest')
  })

  t.test('three in each order: only the first between the third and the second is taken for newer', async t => {
    const [first, second, third] = edits(numbered(3)) as [IdentifiedEdit, IdentifiedEdit, IdentifiedEdit]
    const orders = [[first, second, third], [first, third, second], [second, first, third], [second, third, first], [third, second, first]]
    for (const order of orders) t.equal(take(order).text, 'text 3')
    t.equal(take([third, first, second]).text, 'text 2')
  })

  t.test('each content is remembered once', async t => {
    t.strictSame(take(edits(numbered(3))).seen, numbered(3).map(digestOf))
  })

  t.test('any number in the reversed order', async t => {
    t.doesNotThrow(() => fc.assert(fc.property(fc.integer({ min: 1, max: 30 }), count => take(edits(numbered(count)).toReversed()).text === `text ${count}`)))
  })

  t.test('in order, with any of the earlier ones once more at any time', async t => {
    t.doesNotThrow(() => fc.assert(fc.property(fc.integer({ min: 1, max: 10 }), fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 10 }), (count, repeats) => {
      const arrivals = edits(numbered(count))
      for (const [from, to] of repeats) {
        const edit = arrivals[from % arrivals.length]
        const after = arrivals.lastIndexOf(edit as IdentifiedEdit) + 1
        arrivals.splice(after + to % (arrivals.length - after + 1), 0, edit as IdentifiedEdit)
      }
      return take(arrivals).text === `text ${count}`
    })))
  })

  t.test('back to an earlier text, as often as one likes, each delivered once or twice in a row', async t => {
    const texts = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 2, maxLength: 20 }).map(all => all.filter((text, index) => text !== all[index - 1]))
    t.doesNotThrow(() => fc.assert(fc.property(texts, fc.infiniteStream(fc.boolean()), (texts, twice) => {
      const arrivals = edits(texts).flatMap(edit => twice.next().value ? [edit, edit] : [edit])
      return arrivals.length === 0 || take(arrivals).text === texts.at(-1)
    })))
  })

  t.test('a repeat whose content, and what it replaced, are known changes nothing', async t => {
    const [first, second] = edits(numbered(2)) as [IdentifiedEdit, IdentifiedEdit]
    const held = createRow()
    for (const edit of [first, second]) held.take(edit)
    for (const edit of [first, second]) t.strictSame(accept(held.row(), edit).row, null)
  })

  t.test('an edit that replaces a text with the same one is new once', async t => {
    t.strictSame(take(edits(['a', 'a', 'a'])).outcomes, ['accepted', 'duplicate'])
  })

  t.test('in a crowded revision each edit that replaces the last one is new, and no earlier one comes back', async t => {
    const crowd = edits(numbered(300))
    const { seen, text, outcomes } = take([...crowd, ...crowd])
    t.equal(text, 'text 300')
    t.ok(outcomes.slice(0, 300).every(outcome => outcome === 'accepted'))
    t.strictSame([...new Set(outcomes.slice(300))], ['stale', 'duplicate'])
    t.strictSame(seen, numbered(300).slice(-256).map(digestOf))
  })

  t.test('a late one finds no room where the revision is crowded', async t => {
    const crowd = edits(numbered(300))
    t.strictSame(take([...crowd, incoming({ text: 'text 290', replaces: 'unknown' })]).seen, numbered(300).slice(-256).map(digestOf))
  })

  t.test('without that nothing returns to an earlier text', async t => {
    const { outcomes, text } = take(['a', 'b', 'a'].map(text => incoming({ text })))
    t.strictSame(outcomes, ['accepted', 'accepted', 'duplicate'])
    t.equal(text, 'b')
  })

  t.test('what is replaced is forgotten with its revision', async t => {
    const { outcomes } = take([incoming({ at: 1, text: 'b', replaces: 'a' }), incoming({ at: 2, text: 'c', replaces: 'b' }), incoming({ at: 2, text: 'a', replaces: 'x' })])
    t.strictSame(outcomes, ['accepted', 'accepted', 'accepted'])
  })
})

t.test('an edit whose client has no name, and can be asked for, is not due until then', async t => {
  const edit = incoming({ now: 1000, settleMs: 2000 })
  const nameless = { ...edit, edit: { ...edit.edit, user: { id: 'u1', lookUpId: '42' } } }
  t.match(accept(null, nameless), { result: { outcome: 'accepted', dueAt: 3000 }, row: { dueAt: null, askAt: 3000, waitingSince: 1000 } })
  const named = { ...edit, edit: { ...edit.edit, user: { id: 'u1', name: 'Anna', lookUpId: '42' } } }
  t.match(accept(null, named), { row: { dueAt: 3000, askAt: null } })
  t.match(accept(accept(null, nameless).row, { ...incoming({ at: 2, text: 'new', now: 1500, settleMs: 2000 }) }), { row: { dueAt: 3500, askAt: null }, delta: { superseded: 1 } }, 'a newer edit that brings the name')
})

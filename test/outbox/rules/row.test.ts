import t from 'tap'
import { dueOrAsked, sumDeltas } from '../../../src/outbox/rules/row.ts'

t.test('an edit is due, or is asked for where its client has no name and the messenger may know it', async t => {
  t.strictSame(dueOrAsked({ id: 'u1', lookUpId: '42' }, 5), { dueAt: null, askAt: 5 })
  t.strictSame(dueOrAsked({ id: 'u1', lookUpId: '42', name: 'Anna' }, 5), { dueAt: 5, askAt: null })
  t.strictSame(dueOrAsked({ id: 'u1' }, 5), { dueAt: 5, askAt: null })
})

t.test('changes of the ledger are added up, and what one does not name it does not change', async t => {
  t.strictSame(sumDeltas([]), { accepted: 0, superseded: 0, delivered: 0, dead: 0 })
  t.strictSame(sumDeltas([{}, { accepted: 1, superseded: 1 }, { dead: -1 }, { accepted: 2, superseded: 3, delivered: 4, dead: 6 }]), { accepted: 3, superseded: 4, delivered: 4, dead: 5 })
})

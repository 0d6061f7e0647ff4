import t from 'tap'
import { sumDeltas } from '../../../src/outbox/rules/row.ts'

t.test('changes of the ledger are added up, and what one does not name it does not change', async t => {
  t.strictSame(sumDeltas([]), { accepted: 0, superseded: 0, delivered: 0, dead: 0 })
  t.strictSame(sumDeltas([{}, { accepted: 1, superseded: 1 }, { dead: -1 }, { accepted: 2, superseded: 3, delivered: 4, dead: 6 }]), { accepted: 3, superseded: 4, delivered: 4, dead: 5 })
})

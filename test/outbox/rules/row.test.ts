import t from 'tap'
import { pendingRevisions, sumDeltas } from '../../../src/outbox/rules/row.ts'
import { deliveredRow, heldRow } from '../edits.ts'

t.test('the pending revisions of a row are its waiting edit and the one that a call carries', async t => {
  t.equal(pendingRevisions(deliveredRow()), 0)
  t.equal(pendingRevisions(heldRow()), 1)
  t.equal(pendingRevisions(heldRow({ callId: 'call', callVersion: 1 })), 1)
  t.equal(pendingRevisions(heldRow({ version: 2, callId: 'call', callVersion: 1 })), 2)
})

t.test('changes of the ledger are added up, and what one does not name it does not change', async t => {
  t.strictSame(sumDeltas([]), { accepted: 0, superseded: 0, delivered: 0, dead: 0 })
  t.strictSame(sumDeltas([{}, { accepted: 1, superseded: 1 }, { dead: -1 }, { accepted: 2, superseded: 3, delivered: 4, dead: 6 }]), { accepted: 3, superseded: 4, delivered: 4, dead: 5 })
})

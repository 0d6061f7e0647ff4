import t from 'tap'
import { EMPTY_RECORD, meets, patchRecord, readRecord, type PortalRecord } from '../../src/outbox/portals.ts'

const TOKENS = { accessToken: 'access', refreshToken: 'refresh', accessExpiresAt: 5 }
const RECORD: PortalRecord = { ...EMPTY_RECORD, memberId: 'member', tokens: TOKENS, tokensVersion: 3 }

t.test('of a portal that has no record nothing is known', async t => {
  const nothing = {
    memberId: null,
    applicationToken: null,
    clientId: null,
    address: null,
    formerAddresses: [],
    oauthUrl: null,
    tokens: null,
    tokensVersion: 0,
    importedToken: null,
    beforeImport: null,
    refusedConfig: null,
    refreshStartedAt: null,
    refreshTries: 0,
    parked: null,
    parkedLines: [],
    bucket: null,
    restsUntil: null,
    eventKey: null,
    installs: 0,
    eventBinding: null,
    lastEventAt: null,
    clockRightAt: 0,
    clockWrongAt: 0,
  }
  t.strictSame(readRecord(null), nothing)
  t.strictSame(readRecord(undefined), nothing)
})

t.test('what a record does not say is empty', async t => {
  t.strictSame(readRecord('{"memberId":"member"}'), { ...EMPTY_RECORD, memberId: 'member' })
})

t.test('a patch changes what it names, and new tokens get a new version', async t => {
  const patched = (patch: Parameters<typeof patchRecord>[1]) => readRecord(patchRecord(RECORD, patch))
  t.strictSame(patched({ refreshTries: 1, memberId: null }), { ...RECORD, refreshTries: 1, memberId: null })
  t.strictSame(patched({ tokens: { ...TOKENS, accessToken: 'new' } }), { ...RECORD, tokens: { ...TOKENS, accessToken: 'new' }, tokensVersion: 4 })
  t.strictSame(patched({ tokens: null }), { ...RECORD, tokens: null, tokensVersion: 4 })
})

t.test('a write goes on where each of its conditions holds', async t => {
  t.equal(meets({}, 2, RECORD), true)
  t.equal(meets({ epoch: 2 }, 2, RECORD), true)
  t.equal(meets({ tokensVersion: 3 }, 2, RECORD), true)
  t.equal(meets({ epoch: 2, tokensVersion: 3 }, 2, RECORD), true)
  t.equal(meets({ epoch: 1, tokensVersion: 3 }, 2, RECORD), false)
  t.equal(meets({ epoch: 2, tokensVersion: 2 }, 2, RECORD), false)
  t.equal(meets({ epoch: 0 }, 2, RECORD), false, 'an epoch of 0 is one, too')
  t.equal(meets({ tokensVersion: 0 }, 2, RECORD), false)
})

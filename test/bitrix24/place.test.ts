import t from 'tap'
import { isUnproven, locate } from '../../src/bitrix24/place.ts'
import { EMPTY_RECORD, type PortalRecord } from '../../src/outbox/portals.ts'
import { portalConfig } from './scripted-portal.ts'

const TOKENS = { accessToken: 'a', refreshToken: 'r', accessExpiresAt: null }
const OLD = 'https://old.bitrix24.ru'
const KNOWN: PortalRecord = { ...EMPTY_RECORD, tokens: TOKENS, memberId: 'member', address: OLD }

const at = (url: string, record: PortalRecord, clientEndpoint: string | null, memberId: string | null = 'member') => locate(portalConfig(url), record, { clientEndpoint, memberId })

t.test('a configured address is unproven if it is neither the stored one nor a former one', async t => {
  t.equal(isUnproven(portalConfig(OLD), KNOWN), false)
  t.equal(isUnproven(portalConfig('https://new.example'), KNOWN), true)
  t.equal(isUnproven(portalConfig('https://new.example'), { ...KNOWN, formerAddresses: ['https://new.example'] }), false, 'a relay with the former value, during a rolling change')
  t.equal(isUnproven(portalConfig('https://new.example'), { ...KNOWN, memberId: null }), true, 'the tokens came from the stored address')
  t.equal(isUnproven(portalConfig('https://new.example'), { ...KNOWN, memberId: null, tokens: null }), false, 'nothing is known about the portal')
  t.equal(isUnproven(portalConfig('https://new.example'), EMPTY_RECORD), false)
})

t.test('the OAuth server proves a configured address by naming it for the same member_id', async t => {
  t.match(at('https://new.example', KNOWN, 'https://new.example/rest/'), { kind: 'proven', patch: { address: 'https://new.example', formerAddresses: [OLD], memberId: 'member' } })
  t.match(at('https://new.example', KNOWN, 'https://new.example/rest/', 'other'), { kind: 'other', words: /portal other at new\.example, but this database is of the portal member at https:\/\/old\.bitrix24\.ru/ })
  t.match(at('https://new.example', KNOWN, 'https://new.example/rest/', null), { kind: 'elsewhere' }, 'which portal it is must be said')
  for (const named of [`${OLD}/rest/`, 'https://third.example/rest/', 'https://sub.new.example/rest/', null, 'nonsense']) t.match(at('https://new.example', KNOWN, named), { kind: 'elsewhere', words: /BITRIX24_PORTAL_URL is https:\/\/new\.example/ }, String(named))
})

t.test('inside its domain the portal is followed, elsewhere not', async t => {
  t.match(at(OLD, KNOWN, 'https://new.bitrix24.ru/rest/'), { kind: 'proven', patch: { address: 'https://new.bitrix24.ru', formerAddresses: [OLD] } }, 'a renaming in the cloud')
  const box = { ...KNOWN, address: 'https://crm.example.com' }
  t.match(at('https://crm.example.com', box, 'https://b24.example.com/rest/'), { kind: 'proven', patch: { address: 'https://b24.example.com', formerAddresses: ['https://crm.example.com'] } })
  for (const named of ['http://b24.example.com/rest/', 'https://b24.example.com:8443/rest/', 'https://example.org/rest/']) t.match(at('https://crm.example.com', box, named), { kind: 'elsewhere' }, named)
  t.match(at('https://crm.example.com', box, 'http://crm.example.com/rest/'), { kind: 'proven', patch: { address: 'https://crm.example.com' } }, 'the same host is never called without TLS')
  t.match(at('https://crm.example.com', box, null), { kind: 'proven', patch: { address: 'https://crm.example.com' } }, 'nothing is said, and nothing has changed')
})

t.test('a portal that returns to a former address is followed, and the way is remembered', async t => {
  const moved = { ...KNOWN, address: 'https://new.example', formerAddresses: [OLD] }
  t.match(at(OLD, moved, `${OLD}/rest/`), { kind: 'proven', patch: { address: OLD, formerAddresses: ['https://new.example'] } })
})

t.test('a first address that was never proven is not remembered', async t => {
  t.match(at('https://right.example', { ...KNOWN, memberId: null, address: 'https://typo.example' }, 'https://right.example/rest/'), { kind: 'proven', patch: { address: 'https://right.example', formerAddresses: [], memberId: 'member' } })
})

t.test('a sandbox names the port by which it was asked', async t => {
  const sandbox = { ...KNOWN, address: 'http://127.0.0.1:4000' }
  t.match(at('http://127.0.0.1:4000', sandbox, 'http://localhost:5000/rest/'), { kind: 'proven', patch: { address: 'http://127.0.0.1:4000' } })
  t.match(at('http://localhost:4000', sandbox, 'http://127.0.0.1:4000/rest/'), { kind: 'elsewhere' }, 'a new address must be named itself')
})

import { createHmac } from 'node:crypto'
import t from 'tap'
import { createGraphLookUp } from '../../../src/messengers/meta/people.ts'

const TOKEN = 'EAAG0123456789abcdef'
const APP_SECRET = '0123456789abcdef0123456789abcdef'
const lookUp = createGraphLookUp(TOKEN, APP_SECRET)
const read = (body: unknown, status = 200) => lookUp.read(['77'], status, body)
const failure = (code: number, subcode?: number) => ({ error: { message: 'words', type: 'OAuthException', code, ...(subcode === undefined ? {} : { error_subcode: subcode }), fbtrace_id: 'x' } })

t.test('the question goes to Graph, with the token in a header and its proof beside it', async t => {
  const { url, headers, form } = lookUp.request(['77'])
  t.equal(url.origin + url.pathname, 'https://graph.facebook.com/v25.0/77')
  t.strictSame(Object.fromEntries(url.searchParams), { fields: 'first_name,last_name,profile_pic', appsecret_proof: createHmac('sha256', APP_SECRET).update(TOKEN).digest('hex') })
  t.strictSame(headers, { authorization: `Bearer ${TOKEN}` })
  t.equal(form, undefined)
  t.notMatch(url.href, new RegExp(`${TOKEN}|${APP_SECRET}`))
  t.equal(lookUp.request(['../me']).url.pathname, '/v25.0/..%2Fme')
})

t.test('whom Graph knows comes with names and picture', async t => {
  const answer = read({ first_name: 'Anna', last_name: 'Petrova', profile_pic: 'https://platform-lookaside.fbsbx.example/1.jpg', id: '77' })
  t.strictSame(answer.kind === 'answered' && [...answer.profiles], [['77', { id: '77', name: 'Anna', lastName: 'Petrova', pictureUrl: 'https://platform-lookaside.fbsbx.example/1.jpg' }]])
})

t.test('a person without a profile, or out of sight, is unknown', async t => {
  for (const subcode of [33, 2018218, 2018247]) {
    t.strictSame(read(failure(100, subcode), 400), { kind: 'answered', code: `GRAPH_100_${subcode}`, profiles: new Map() })
  }
})

t.test('what the owner must mend is told from what passes by itself', async t => {
  for (const code of [3, 10, 100, 102, 190, 200, 299]) t.strictSame(read(failure(code), 400), { kind: 'refused', code: `GRAPH_${code}` })
  t.strictSame(read(failure(190, 463), 400), { kind: 'refused', code: 'GRAPH_190_463' })
  for (const code of [1, 2, 4, 17, 32, 368, 613]) t.strictSame(read(failure(code), 400), { kind: 'unavailable', code: `GRAPH_${code}` })
  for (const body of [null, [], 'x']) t.strictSame(read(body), { kind: 'unavailable', code: 'UNREADABLE' }, JSON.stringify(body))
  t.strictSame(read(null, 500), { kind: 'unavailable', code: 'HTTP_500' })
  t.strictSame(read({}, 301), { kind: 'unavailable', code: 'HTTP_301' })
})

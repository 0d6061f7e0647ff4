import t from 'tap'
import type { Status } from '../../src/operations/status.ts'
import type { Overview } from '../../src/operations/overview.ts'
import type { PortalCondition } from '../../src/courier/parks.ts'
import { buildRelay, NOW, webhook } from '../relay.ts'
import { ADMIN_TOKEN, startConsole } from './console.ts'

const textOf = (body: string) => body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

t.test('an empty relay says what to do next', async t => {
  const { browser } = await startConsole(t, { env: { PUBLIC_URL: 'https://relay.example.com' } })
  const { get } = await browser()
  t.match(textOf((await get('/console')).body), /No edit has arrived yet. Give a channel's address to its messenger/.source.replace("'", '&#39;'))
  t.match((await get('/console/edits')).body, /No edit has arrived yet/)
  t.match(textOf((await get('/console/edits?message=1')).body), /No edit matches. Check the ids/)
  t.match((await get('/console/dead')).body, /No edit is dead/)
  t.match((await get('/console/redeliver')).body, /Nothing matches/)
  t.match((await get('/console/channels')).body, /No webhook is on record\. Enter this address at the sender, generic:<\/p><p><code>https:\/\/relay\.example\.com\/webhooks\/default<[^]*Send webhooks of the type &quot;message\.edited&quot;/)
})

t.test('three clicks lead from a message to the cause', async t => {
  const { browser, send, finish } = await startConsole(t)
  const id = await send('4711', 'Hello', 'chat-9')
  await finish(id, 'dead', { code: 'ok', words: 'Incomplete data' })
  await send('4712', 'Hello', 'chat-9')
  const { get } = await browser()
  t.equal((await get('/console/search?q=4711')).headers.location, `/console/edits/${id}`)
  t.equal((await get(`/console/search?q=${id}`)).headers.location, `/console/edits/${id}`)
  t.equal((await get('/console/search?q=%20chat-9%20')).headers.location, '/console/edits?chat=chat-9')
  t.equal((await get('/console/search?q=nobody')).headers.location, '/console/edits?message=nobody')
  t.match((await get('/console/edits?chat=chat-9')).body, new RegExp(`href="/console/edits/${id}"`))
  const { body } = await get(`/console/edits/${id}`)
  t.match(body, /<time datetime="2026-09-21T14:15:00.000Z" title="2026-09-21T14:15:00.000Z">2 months ago|<time datetime="20[\d-]+T[\d:.]+Z" title="[^"]+">[^<]+ago<\/time>/)
  const said = textOf(body)
  t.match(said, /rejected .*The portal took the call and refused this message.*What to do: Correct what its answer names.*The portal&#39;s answer: Incomplete data/)
  t.match(said, /What happened .*Call .*Dead .*Accepted/, 'in the order of their times')
  t.equal(said.split('Incomplete data').length, 2, 'the portal said it once')
  t.notMatch(said, /Hello/, 'the text is hidden')
})

t.test('filters stand in the URL, and page by page', async t => {
  const { browser, send } = await startConsole(t)
  for (let n = 0; n < 55; n++) await send(`m${n}`)
  await send('empty', ' ', 'other')
  const { get } = await browser()
  const first = (await get('/console/edits?state=pending&chat=&message=')).body
  t.match(first, /Edits that match: 55/)
  t.match(first, /m54[^]*m5</)
  const [, next = ''] = /rel="next" href="([^"]+)"/.exec(first) ?? []
  const second = (await get(next.replaceAll('&amp;', '&'))).body
  t.match(second, /m4<[^]*m0</)
  t.notMatch(second, /rel="next"/)
  t.match((await get('/console/edits?reason=empty-text')).body, /match: 1<[^]*empty</)
  for (const url of ['/console/edits?state=lost', '/console/edits?reasn=rejected', '/console/edits?cursor=x', '/console/edits?state=dead&state=pending', '/console/redeliver?state=pending', '/console/redeliver?reasn=x']) t.equal((await get(url)).statusCode, 400, url)
})

t.test('dead letters are redelivered through a page that says which', async t => {
  const { browser, send, finish, store, activity } = await startConsole(t)
  const ids = []
  for (const message of ['a', 'b', 'c']) {
    const id = await send(message, 'text', message === 'c' ? 'other' : 'c1')
    await finish(id, 'dead', { words: 'no' })
    ids.push(id)
  }
  await send('empty', '')
  t.ok(activity)
  const { get, post } = await browser()
  const dead = (await get('/console/dead')).body
  t.match(textOf(dead), /empty-text 1 .*rejected 3 .*The portal refused this message/)
  const page = (await get('/console/redeliver?reason=rejected&channel=&chat=c1&message=')).body
  t.match(textOf(page), /Edits that match: 2 .*Redeliver 2 .*The first 20 .* b .* a /)
  t.notMatch(textOf(page), / c /)
  t.equal((await store.outbox.count({ state: 'dead' }, { after: null, upTo: 10 })), 4, 'the page changes nothing')
  t.match(textOf((await post('/console/redeliver', { state: 'dead', reason: 'rejected', chat: 'c1' })).body), /will be sent again 2 .*already waited for their call 0 .*cannot be sent: a guard refused them 0 .*not taken yet 0/)
  t.match(textOf((await post('/console/redeliver', {})).body), /will be sent again 1 .*cannot be sent: a guard refused them 1/)
  t.equal((await store.outbox.count({ state: 'pending' }, { after: null, upTo: 10 })), 3)
  t.equal((await post('/console/redeliver', { reasn: 'x' })).statusCode, 400)
})

t.test('one edit is redelivered, and the page says what came of it', async t => {
  const { browser, send, finish } = await startConsole(t)
  const id = await send('a')
  await finish(id, 'delivered')
  const refused = await send('b', '')
  const { get, post } = await browser()
  const after = async (id: string) => {
    const { headers, statusCode } = await post(`/console/edits/${id}/redeliver`)
    t.equal(statusCode, 303)
    return textOf((await get(String(headers.location))).body)
  }
  t.match(await after(id), /The edit will be sent again/)
  t.match(await after(id), /already waits for its call/)
  t.match(await after(refused), /a guard refused the newest edit/)
  t.equal((await post('/console/edits/unknown/redeliver')).statusCode, 404)
  t.match(textOf((await get(`/console/edits/${id}?done=<script>`)).body), /What happened/, 'another word is ignored')
})

t.test('verify shows what stands in the portal', async t => {
  const verify = async () => ({ found: true, text: 'the old <b>text</b>', expected: 'the new text', matches: false, note: { id: 'editedOtherwise' as const, values: {}, text: 'it was edited otherwise' } })
  const { browser, send } = await startConsole(t, { dependencies: { readBack: { verify, ids: async () => { throw new Error('unused') } } } })
  const id = await send('a')
  const { post } = await browser()
  const { body } = await post(`/console/edits/${id}/verify`)
  t.match(body, /have different texts[^]*<bdi>It was edited otherwise: by an operator[^]*the old &lt;b&gt;text&lt;\/b&gt;[^]*the new text/)
})

t.test('a channel shows its webhooks, what could not be read, and tries a payload', async t => {
  const { browser } = await startConsole(t, {
    dependencies: {
      activity: { summary: async () => [{ id: 'default', messenger: 'generic', lastWebhookAt: NOW - 90_000, lastUnreadable: { at: NOW - 3600_000, detail: '/message/id must be text' }, lastForwardFailure: null, hour: counts({ webhooks: 3, accepted: 2, unreadable: 1 }), day: counts({ delivered: 4, confirmed: 3 }) }] },
    },
    env: { PUBLIC_URL: 'https://relay.example.com' },
  })
  const { get, post } = await browser()
  const said = textOf((await get('/console/channels')).body)
  t.match(said, /https:\/\/relay\.example\.com\/webhooks\/default Last webhook 1 minute ago .*webhooks: 3 .*accepted: 2 .*unreadable: 1 .*1 hour ago : \/message\/id must be text .*75%/)
  const payload = webhook({ user: { id: '42', name: 'Ivan' }, message: { id: '1', text: 'new [b]text[/b]' }, chat: { id: 'c' } }).payload as string
  const tried = (await post('/console/channels/default/preview', { payload })).body
  t.match(textOf(tried), /The sender could not be verified.*header.*It would be accepted.*Ivan.*&quot;CONNECTOR&quot;: &quot;relay_demo&quot;/)
  const { headers } = webhook(payload)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`).join('\r\n')
  t.match(textOf((await post('/console/channels/default/preview', { payload, headers: lines })).body), /The signature is right/)
  t.match(textOf((await post('/console/channels/default/preview', { payload: `${payload} `, headers: lines })).body), /The sender could not be verified/)
  const pretty = JSON.stringify(JSON.parse(payload), null, 2)
  const signed = Object.entries(webhook(pretty).headers).map(([name, value]) => `${name}: ${value}`).join('\n')
  t.match(textOf((await post('/console/channels/default/preview', { payload: pretty.replaceAll('\n', '\r\n'), headers: signed })).body), /The signature is right/, 'a browser writes two characters for each line break')
  const faulty = await post('/console/channels/default/preview', { payload, headers: 'no header' })
  t.equal(faulty.statusCode, 400)
  t.match(faulty.body, /A header is written as/)
  t.match(textOf((await post('/console/channels/default/preview', { payload: '{' })).body), /cannot be read/)
  t.equal((await post('/console/channels/unknown/preview', { payload })).statusCode, 404)
})

t.test('a parked portal has its code, since when, and the remedy', async t => {
  const { browser } = await startConsole(t, { dependencies: { overview: async () => overview({ condition: 'invalid_grant', authorizeUrl: 'https://example.bitrix24.ru/oauth/authorize/?client_id=x' }) } })
  const { body } = await (await browser()).get('/console')
  t.match(textOf(body), /The portal takes no edits now.*invalid_grant.*2 hours ago.*Ask an administrator of the portal to open.*NOT_ACTIVE_LINE.*Activate the open line/)
  t.match(body, /<a href="https:\/\/example\.bitrix24\.ru\/oauth\/authorize\/\?client_id=x" rel="noreferrer">/)
  const harmful = await startConsole(t, { dependencies: { overview: async () => overview({ condition: 'invalid_grant', authorizeUrl: 'javascript:alert(1)' }) } })
  t.notMatch((await (await harmful.browser()).get('/console')).body, /href="javascript/)
  const moved = await startConsole(t, { dependencies: { overview: async () => overview({ condition: 'PORTAL_MOVED', authorizeUrl: 'https://example.bitrix24.ru/oauth/authorize/?client_id=x' }) } })
  t.notMatch((await (await moved.browser()).get('/console')).body, /oauth\/authorize/, 'a consent would not help')
})

t.test('the verdict says what went wrong in the last day', async t => {
  const verdict = async (hour: object, isListening = true) => {
    const day = { hour: NOW, accepted: 9, delivered: 0, dead: 0, confirmed: 0, ...hour }
    const { browser } = await startConsole(t, { dependencies: { overview: async () => ({ ...overview({}), lines: [], oldestPendingAt: null, isListening, hours: [day] }) } })
    return textOf(/<p class="verdict.*<\/p>/.exec((await (await browser()).get('/console')).body)?.[0] ?? '').trim()
  }
  t.equal(await verdict({ delivered: 9, confirmed: 8 }), 'The portal accepts edits.')
  t.equal(await verdict({ delivered: 9, confirmed: 8, dead: 2 }), 'The portal accepts edits. In the last day 2 could not be delivered: Dead letters')
  t.equal(await verdict({ delivered: 9 }), 'The portal accepts edits, but has found the message of none of the last day: Edits')
  t.equal(await verdict({ delivered: 4 }), 'The portal accepts edits.', 'too few to tell')
  t.equal(await verdict({ delivered: 9 }, false), 'The portal accepts edits.')
})

t.test('a pending edit says what it waits for', async t => {
  const waits = async (condition: PortalCondition, more: (relay: Awaited<ReturnType<typeof startConsole>>, id: string) => Promise<void> = async () => {}) => {
    const relay = await startConsole(t, { dependencies: { condition: async () => condition } })
    const id = await relay.send('a')
    await more(relay, id)
    return textOf((await (await relay.browser()).get(`/console/edits/${id}`)).body)
  }
  t.match(await waits({ portal: 'ready', since: null, lines: [] }), /Next try as soon as the portal&#39;s limits allow/)
  t.match(await waits({ portal: 'SOME_NEW_CODE', since: NOW - 60_000, lines: [] }), /The portal takes no edits now SOME_NEW_CODE 1 minute ago · 20[\d-]+ [\d:]+ UTC The portal does not let the application make the call/)
  t.match(await waits({ portal: 'ready', since: null, lines: [{ connector: 'relay_demo', line: 1, code: 'NOT_ACTIVE_LINE', since: NOW }] }), /The line takes no edits now NOT_ACTIVE_LINE .*Activate the open line/)
  t.match(await waits({ portal: 'ready', since: null, lines: [{ connector: 'relay_demo', line: 2, code: 'NOT_ACTIVE_LINE', since: NOW }] }), /Next try/, 'another line')
  t.match(await waits({ portal: 'ready', since: null, lines: [] }, async ({ store }, id) => {
    const row = await store.outbox.find(id)
    const lane = { connector: 'relay_demo', line: 1, channel: 'default' }
    const [claimed] = await store.outbox.claim({ portal: store.portal, epoch: 0, lane, callId: 'call', now: Number.MAX_SAFE_INTEGER, limit: 1, bucket: { level: 0, at: 0 } })
    const { version, history } = claimed as NonNullable<typeof claimed>
    t.ok(row)
    await store.outbox.record({ portal: store.portal, epoch: 0, callId: 'call', outcomes: [{ id, version, result: 'retry', dueAt: NOW + 60_000, history: { ...history, unknownUserRepeats: 1 }, quarantineUntil: null }], attempt: null, now: NOW })
  }), /Next try in 1 minute · .*The portal did not know the client/)
})

t.test('a message that was emptied is not called accepted', async t => {
  const { browser, send, finish } = await startConsole(t)
  const once = textOf((await (await browser()).get(`/console/edits/${await send('a', '')}`)).body)
  t.match(once, /What happened Dead .*empty-text/)
  t.notMatch(once, /Accepted|A newer revision/)
  const id = await send('b')
  await finish(id, 'delivered')
  await send('b', '')
  const { get } = await browser()
  t.match(textOf((await get(`/console/edits/${id}`)).body), /What happened .*Call .*Dead .*empty-text/)
  t.notMatch(textOf((await get(`/console/edits/${id}`)).body), /Accepted/)
})

t.test('the address of a form leads to its page', async t => {
  const { browser, send } = await startConsole(t)
  const id = await send('a')
  const { get } = await browser()
  for (const act of ['verify', 'text', 'redeliver']) t.equal((await get(`/console/edits/${id}/${act}`)).headers.location, `/console/edits/${id}`)
  t.equal((await get('/console/channels/default/preview')).headers.location, '/console/channels')
})

t.test('Russian by the browser, and by the switch', async t => {
  const { app, post } = await startConsole(t)
  const title = async (headers: Record<string, string>) => /<html lang="(..)">/.exec((await app.inject({ url: '/console', headers })).body)?.[1]
  t.equal(await title({}), 'en')
  t.equal(await title({ 'accept-language': 'ru-RU,ru;q=0.9,en;q=0.8' }), 'ru')
  t.equal(await title({ 'accept-language': 'de, en;q=0.5, ru;q=0.9' }), 'ru')
  t.equal(await title({ 'accept-language': 'ru;q=0, fr' }), 'en')
  const { headers, statusCode } = await post('/console/language', { language: 'ru', to: '/console/edits?state=dead' })
  t.equal(statusCode, 303)
  t.equal(headers.location, '/console/edits?state=dead')
  const cookie = String(headers['set-cookie'])
  t.match(cookie, /^relay_language=ru; Path=\/console; .*HttpOnly; SameSite=Strict/)
  t.equal(await title({ 'accept-language': 'en', cookie: cookie.split(';')[0] as string }), 'ru')
  t.equal((await post('/console/language', { language: '<script>' })).statusCode, 400)
})

t.test('files of the pages may be kept only under the digest of their content', async t => {
  const { app } = await buildRelay(t, { env: { ADMIN_TOKEN } })
  const { body } = await app.inject({ url: '/console' })
  const [, style = ''] = /href="(\/console\/assets\/console\.css\?[^"]+)"/.exec(body) ?? []
  t.match((await app.inject({ url: style })).headers, { 'cache-control': /immutable/, 'content-type': 'text/css; charset=utf-8' })
  t.equal((await app.inject({ url: '/console/assets/console.css?older' })).headers['cache-control'], 'no-store')
  for (const url of ['/console/assets/..%2fhtml.ts', '/console/assets/html.ts', '/console/assets/constructor']) t.equal((await app.inject({ url })).statusCode, 404, url)
})

function counts (some: object) {
  return { webhooks: 0, accepted: 0, duplicate: 0, stale: 0, ignored: 0, unreadable: 0, refused: 0, unauthentic: 0, rejected: 0, forwarded: 0, forwardFailed: 0, delivered: 0, dead: 0, confirmed: 0, ...some }
}

function overview (portal: Partial<Status['portal']>): Overview {
  return {
    ledger: { accepted: 1, superseded: 0, delivered: 0, dead: 0, pending: 1 },
    oldestPendingAt: NOW,
    portal: { host: 'example.bitrix24.ru', condition: 'ready', since: NOW - 2 * 3600_000, authorizeUrl: null, ...portal },
    lines: [{ connector: 'relay_demo', line: 1, code: 'NOT_ACTIVE_LINE', since: NOW - 60_000 }],
    isListening: false,
    hours: [],
  }
}

import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { signStandardWebhook } from '../../src/signatures/standard-webhooks.ts'
import { KEY, SECRET } from '../channel.ts'
import { startMessengers } from '../messengers/running.ts'
import { eventually } from '../portal.ts'
import { startConnector, type Received } from './connector.ts'

const TELEGRAM_SECRET = 'telegram-secret_of_the_Tests-1234'
const TELEGRAM = { 'x-telegram-bot-api-secret-token': TELEGRAM_SECRET }
const CRM_KEY = 'crm-key-of-the-tests-1234'
const ANNA = { id: 5501, is_bot: false, first_name: 'Anna', last_name: 'Petrova' }

const bot = await startConnector(t)
const flaky = await startConnector(t)
const slow = await startConnector(t)

const channel = (id: string, upstream: string, more: object = {}) =>
  ({ id, messenger: 'telegram', secrets: [TELEGRAM_SECRET], upstream, upstreamPrivate: ['127.0.0.1'], ...more })

const running = await startMessengers(t, [
  channel('tg', `${bot.url}/bot/hook?bot=7`),
  channel('everything', `${bot.url}/everything`, { upstreamEdits: true }),
  channel('asked', `${bot.url}/asked?key=1`, { upstreamHandshakes: true }),
  channel('flaky', flaky.url, { upstreamEdits: true }),
  channel('slow', slow.url),
  channel('impatient', slow.url, { upstreamTimeoutMs: 150 }),
  channel('elsewhere', `http://localhost:${bot.port}/elsewhere`, { upstreamPrivate: ['10.0.0.0/8'] }),
  { id: 'alone', messenger: 'telegram', secrets: [TELEGRAM_SECRET] },
  { id: 'signed', messenger: 'generic', secrets: [SECRET], upstream: `${bot.url}/signed`, upstreamPrivate: ['127.0.0.1'], upstreamEdits: true },
  { id: 'crm', messenger: 'wazzup', secrets: [CRM_KEY], upstream: `${bot.url}/crm`, upstreamPrivate: ['127.0.0.1'] },
])
const { post, get, lines, relay, shown, sendOriginal } = running

let updates = 0

function update (kind: 'message' | 'edited_message', id: number, text: string) {
  const at = Math.floor(Date.now() / 1000)
  const edited = kind === 'edited_message' ? { edit_date: at } : {}
  return { update_id: ++updates, [kind]: { message_id: id, from: ANNA, chat: { id: ANNA.id, type: 'private', first_name: 'Anna' }, date: at - 60, ...edited, text } }
}

const at = (path: string): Received[] => bot.received.filter(({ url }) => url.startsWith(path))

const lastLine = () => lines.findLast(({ event }) => String(event).startsWith('webhook.'))

t.test('a Telegram bot keeps its webhook: messages reach it, edits reach the operator', async t => {
  bot.respondWith((response, { body }) => {
    const { message } = JSON.parse(body.toString()) as { message: { message_id: number, text: string, chat: { id: number }, from: typeof ANNA } }
    sendOriginal({ message: String(message.message_id), chat: String(message.chat.id), user: String(message.from.id) }, message.text)
      .then(() => response.setHeader('content-type', 'application/json').end('{"method":"sendChatAction","action":"typing"}'), error => response.writeHead(500).end(String(error)))
  })
  const sent = JSON.stringify(update('message', 1, 'Two kilos \u{1F34E}'), null, 1)
  t.strictSame(await post('tg', sent, TELEGRAM), { status: 200, contentType: 'application/json', text: '{"method":"sendChatAction","action":"typing"}' }, 'the messenger gets the bot\'s answer')
  bot.respondWith(response => response.end('ok'))

  const [received, ...others] = at('/bot/hook')
  t.strictSame(others, [])
  t.equal(received?.body.toString(), sent)
  t.match(received, {
    method: 'POST',
    url: '/bot/hook?bot=7',
    headers: {
      ...TELEGRAM,
      'content-type': 'application/json',
      host: new URL(bot.url).host,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': new URL(relay.url).host,
      'x-forwarded-proto': 'http',
      forwarded: `for=127.0.0.1;host="${new URL(relay.url).host}";proto=http`,
      via: /^1\.1 imconnector-relay-[\w-]{12}$/,
    },
  })
  t.match(lastLine(), { level: 30, event: 'webhook.forwarded', channel: 'tg', edits: [{ outcome: 'ignored' }], forwarded: { outcome: 'answered', status: 200, durationMs: Number } })

  t.strictSame(await post('tg', update('edited_message', 1, 'Three kilos'), TELEGRAM), { status: 200, contentType: null, text: '' })
  t.equal((await shown('1', 'Three kilos'))?.text, 'Three kilos')
  t.equal(at('/bot/hook').length, 1, 'what is nothing but an edit stays here')
  t.match(lastLine(), { event: 'webhook.accepted', forwarded: undefined })
})

t.test('with upstreamEdits the connector sees edits too', async t => {
  bot.respondWith(response => response.writeHead(201).end('taken'))
  await sendOriginal({ message: '2', chat: '5501', user: '5501' })
  const edit = update('edited_message', 2, 'shown to both')
  t.match(await post('everything', edit, TELEGRAM), { status: 201, text: 'taken' })
  t.match(await post('everything', edit, TELEGRAM), { status: 201 }, 'a duplicate goes on too')
  t.equal((await shown('2', 'shown to both'))?.text, 'shown to both')
  t.equal(at('/everything').length, 2)
})

t.test('the connector\'s own verification of a signature passes, over the bytes that were signed', async t => {
  bot.respondWith((response, { body, headers }) => {
    try {
      new Webhook(SECRET).verify(body, headers as Record<string, string>)
      response.end('verified')
    } catch {
      response.writeHead(401).end()
    }
  })
  const body = '{ "type" : "message.created",\n"data":{"text":"\\u043f\u043f \u{1F34E}", "n": 116327994376978687.0 } }  '
  t.match(await post('signed', body, signStandardWebhook(KEY, body, Date.now())), { status: 200, text: 'verified' })
  const unreadable = JSON.stringify({ type: 'message.edited', data: { nothing: 'of ours' } })
  t.match(await post('signed', unreadable, signStandardWebhook(KEY, unreadable, Date.now())), { status: 200, text: 'verified' }, 'what we cannot read it may')
  t.match(lastLine(), { level: 40, edits: [{ outcome: 'ignored', reason: 'unreadable' }], forwarded: { status: 200 } })
  t.match(await post('signed', body, signStandardWebhook(Buffer.alloc(24, 1), body, Date.now())), { status: 401 })
  t.equal(at('/signed').length, 2, 'what is not authentic never goes on')
})

t.test('a batch of an edit and something else goes on whole, and the edit is shown', async t => {
  bot.respondWith(response => response.end('batch'))
  await sendOriginal({ message: 'w1', chat: '79160000001', user: '79160000001' })
  const common = { channelId: 'b96a353b', chatType: 'whatsapp', chatId: '79160000001', dateTime: new Date().toISOString(), type: 'text', isEcho: false, contact: { name: 'Anna' }, status: 'inbound' }
  const edit = { ...common, messageId: 'w1', text: 'edited in a batch', isEdited: true }
  const headers = { authorization: `Bearer ${CRM_KEY}` }
  t.match(await post('crm', { messages: [edit, { ...common, messageId: 'w2', text: 'new' }] }, headers), { status: 200, text: 'batch' })
  t.equal((await shown('w1', 'edited in a batch'))?.text, 'edited in a batch')
  const statuses = [{ messageId: 'w0', status: 'read' }]
  t.match(await post('crm', { messages: [{ ...edit, text: 'again', oldInfo: { oldText: 'edited in a batch' } }], statuses }, headers), { status: 200, text: 'batch' }, 'a status beside an edit')
  t.match(await post('crm', { messages: [edit] }, headers), { status: 200, text: '' })
  t.equal(at('/crm').length, 2)
  t.match(await post('crm', { test: true }), { status: 200, text: '' }, 'the relay answers a handshake by itself')
  t.equal(at('/crm').length, 2)
})

t.test('while the connector is away its messenger repeats, and the edit is done once', async t => {
  await sendOriginal({ message: '3', chat: '5501', user: '5501' })
  const sent = update('edited_message', 3, 'kept at once')
  await flaky.close()
  const refused = await post('flaky', sent, TELEGRAM)
  t.match(refused, { status: 502, contentType: /^application\/problem\+json/ })
  t.strictSame(JSON.parse(refused.text), { type: 'about:blank', title: 'Bad Gateway', status: 502, detail: 'the connector cannot be reached' })
  t.match(lastLine(), { level: 40, event: 'webhook.forwarded', edits: [{ outcome: 'accepted' }], forwarded: { outcome: 'unreachable', cause: 'ECONNREFUSED' } })
  t.equal((await shown('3', 'kept at once'))?.text, 'kept at once')

  await flaky.open()
  flaky.respondWith(response => response.destroy())
  t.match(await post('flaky', sent, TELEGRAM), { status: 502 })
  t.match(lastLine(), { edits: [{ outcome: 'duplicate' }], forwarded: { outcome: 'broken', cause: 'UND_ERR_SOCKET' } })
  flaky.respondWith(response => response.end('at last'))
  t.match(await post('flaky', sent, TELEGRAM), { status: 200, text: 'at last' })
  t.match(lastLine(), { level: 30, edits: [{ outcome: 'duplicate' }], forwarded: { outcome: 'answered', status: 200 } })
  t.strictSame(flaky.received.map(({ body }) => body.toString()), [JSON.stringify(sent), JSON.stringify(sent)])
  t.equal((await running.portal.messages('?message=3'))[0]?.history.length, 2, 'the original and one edit')
})

t.test('a connector that hangs costs its own channel a 502, and keeps no other channel waiting', async t => {
  const open: Array<() => void> = []
  slow.respondWith(response => { open.push(() => response.end('late')) })
  bot.respondWith(response => response.end('quick'))
  t.match(await post('impatient', update('message', 40, 'x'), TELEGRAM), { status: 502 })
  t.match(lastLine(), { forwarded: { outcome: 'timeout' } })
  const waiting = Array.from({ length: 100 }, () => post('slow', update('message', 41, 'x'), TELEGRAM))
  await eventually(async () => open.length, count => count === 101)
  t.match(await post('slow', update('message', 42, 'x'), TELEGRAM), { status: 503 }, 'none waits for a place')
  t.match(await post('tg', update('message', 43, 'x'), TELEGRAM), { status: 200, text: 'quick' })
  for (const end of open) end()
  t.ok((await Promise.all(waiting)).every(({ status, text }) => status === 200 && text === 'late'))
})

t.test('redirects and refusals of the connector are passed on', async t => {
  bot.respondWith(response => response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end())
  const response = await fetch(`${relay.url}/webhooks/tg`, { method: 'POST', redirect: 'manual', headers: { 'content-type': 'application/json', ...TELEGRAM }, body: JSON.stringify(update('message', 50, 'x')) })
  t.match([response.status, response.headers.get('location'), await response.text()], [302, 'http://169.254.169.254/latest', ''])
})

t.test('an address that was not named is never connected to', async t => {
  t.match(await post('elsewhere', update('message', 60, 'x'), TELEGRAM), { status: 502 })
  t.match(lastLine(), { forwarded: { outcome: 'unreachable', cause: 'ADDRESS_NOT_ALLOWED' } })
  t.strictSame(at('/elsewhere'), [])
})

t.test('an upstream that leads back ends at the second visit', async t => {
  flaky.respondWith((response, { headers, body }) => {
    const { via = '', 'content-type': type = '' } = headers
    fetch(`${relay.url}/webhooks/flaky`, { method: 'POST', headers: { via, 'content-type': type, ...TELEGRAM }, body })
      .then(async again => response.writeHead(again.status).end(await again.text()), () => response.destroy())
  })
  const before = flaky.received.length
  t.match(await post('flaky', update('message', 70, 'x'), TELEGRAM), { status: 508 })
  t.equal(flaky.received.length, before + 1)
})

t.test('questions by GET are the connector\'s where the channel says so, and nobody\'s otherwise', async t => {
  bot.respondWith((response, { url }) => response.setHeader('content-type', 'text/plain').end(new URL(url, bot.url).searchParams.get('hub.challenge')))
  t.match(await get('asked', 'hub.mode=subscribe&hub.challenge=1158&key=2'), { status: 200, text: '1158' })
  t.match(at('/asked'), [{ method: 'GET', url: '/asked?key=1&hub.mode=subscribe&hub.challenge=1158' }])
  t.match(await get('tg', 'hub.challenge=1158'), { status: 404 })
  t.match(await post('asked', update('message', 80, 'x')), { status: 401 }, 'what should be signed must be')
  t.equal(at('/asked').length, 1)
})

t.test('what is no JSON is for the connector, and for nobody where there is none', async t => {
  bot.respondWith(response => response.end('ok'))
  const form = { ...TELEGRAM, 'content-type': 'application/x-www-form-urlencoded' }
  t.match(await post('tg', 'payload=%7B%7D', form), { status: 200, text: 'ok' })
  t.match(at('/bot/hook').at(-1), { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: Buffer.from('payload=%7B%7D') })
  t.match(await post('alone', 'payload=%7B%7D', form), { status: 415 })
  t.match(await post('tg', 'x'.repeat(1024 * 1024 + 1), TELEGRAM), { status: 413 })
})

t.test('what is about the messenger\'s connection to us does not go on', async t => {
  const body = JSON.stringify(update('message', 90, 'in chunks'))
  const sending = httpRequest(`${relay.url}/webhooks/tg`, {
    method: 'POST', headers: { ...TELEGRAM, 'content-type': 'application/json', connection: 'close, x-hop', 'x-hop': '1', te: 'trailers', expect: '100-continue', 'transfer-encoding': 'chunked', 'x-forwarded-for': '10.9.9.9' },
  })
  sending.on('continue', () => {
    sending.write(body.slice(0, 10))
    sending.end(body.slice(10))
  })
  const [response] = await once(sending, 'response')
  t.equal(response.statusCode, 200)
  response.resume()
  const received = at('/bot/hook').at(-1)
  t.equal(received?.body.toString(), body)
  t.match(received?.headers, { 'content-length': String(Buffer.byteLength(body)), 'x-forwarded-for': '127.0.0.1', 'x-hop': undefined, te: undefined, expect: undefined, 'transfer-encoding': undefined })
})

t.test('what became of it all is counted by channel, and no secret, text or address is in the log', async t => {
  const response = await fetch(`${relay.url}/metrics`, { headers: { authorization: 'Bearer an-admin-token-of-the-test' } })
  const text = await response.text()
  for (const [name, outcome, count] of [['everything', 'answered', 2], ['flaky', 'broken', 1], ['flaky', 'loop', 1], ['impatient', 'timeout', 1], ['slow', 'busy', 1], ['elsewhere', 'unreachable', 1], ['everything', 'failed', 0]]) {
    t.ok(text.includes(`relay_forwards_total{channel="${name}",outcome="${outcome}"} ${count}\n`), `${name} ${outcome}`)
  }
  t.match(text, /relay_forward_duration_seconds_count\{channel="slow"\} 101\n/)
  t.notMatch(text, /relay_forwards_total\{channel="alone"/)
  t.notMatch(JSON.stringify(lines), /telegram-secret|crm-key|whsec|kilos|bot\/hook|127\.0\.0\.1:\d+\/(bot|crm)|sendChatAction/)
})

import { createHmac } from 'node:crypto'
import t from 'tap'
import { WhatsAppAPI } from 'whatsapp-api-js'
import { BadRequest, Unauthenticated } from '../../../src/base/errors.ts'
import { meta as module } from '../../../src/messengers/meta/meta.ts'
import type { WebhookContent } from '../../../src/messengers/messenger.ts'
import { fixture, type Changes } from '../fixture.ts'
import { fuzz } from '../fuzz.ts'
import { startMessengers } from '../running.ts'

const NOW = Date.UTC(2026, 10, 22, 10, 30)
const SECRET = '0123456789abcdef0123456789abcdef'
const VERIFY_TOKEN = 'verify-token-of-the-tests'
const HEADER = 'x-hub-signature-256'
const EVENTS = ['message_edit', 'message', 'whatsapp-edit', 'whatsapp-edit.caption', 'whatsapp-echo-edit', 'whatsapp-batch']

const EVENT = 'entry.0.messaging.0'
const VALUE = 'entry.0.changes.0.value'
const MESSAGE = `${VALUE}.messages.0`

const create = (settings: object = {}, ...secrets: string[]) => module.create({ secrets: secrets.length > 0 ? secrets : [SECRET], settings: { verifyToken: VERIFY_TOKEN, ...settings } })
const post = (body: Buffer, headers: Record<string, string> = {}) => ({ method: 'POST' as const, query: '', headers, body })
const sign = (body: Buffer | string, secret = SECRET) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`

function parse (event: string, changes: Changes = {}, settings: object = {}): WebhookContent {
  return create(settings).parse(post(fixture(`meta/${event}`, changes)), NOW)
}

function parseOne (event: string, changes: Changes = {}, settings: object = {}) {
  const { edits: [edit] } = parse(event, changes, settings)
  if (edit === undefined) throw new Error('it was ignored')
  return edit
}

t.test('Messenger: every field of an edit is read; it is plain text', async t => {
  t.strictSame(parse('message_edit'), {
    edits: [{
      direction: 'in',
      user: { id: '7700110022003300' },
      message: { id: 'm_Xy-Zz_0011', text: 'Two of the [\u200Bb]blue ones, *please*', files: [] },
      chat: { id: '7700110022003300' },
      revision: { at: 1_795_341_660_900, tie: 2n },
    }],
    ignored: [],
    clients: [],
  })
})

t.test('Messenger: the number of the edit may be a string, or missing', async t => {
  for (const [number, tie] of [['5', 5n], [undefined, 0n], [null, 0n], ['two', 0n]] as const) t.equal(parseOne('message_edit', { [`${EVENT}.message_edit.num_edit`]: number }).revision.tie, tie)
  t.equal(parseOne('message_edit', { [`${EVENT}.timestamp`]: null }).revision.at, 1_795_341_661_200, 'the time may be the entry\'s')
})

t.test('Messenger: events of a conversation that another app leads are read too', async t => {
  const [entry] = (JSON.parse(fixture('meta/message_edit').toString()) as { entry: { messaging: unknown }[] }).entry
  for (const messaging of [undefined, null, []]) t.strictSame(parse('message_edit', { 'entry.0': { ...entry, messaging, standby: entry?.messaging } }), parse('message_edit'))
})

t.test('Instagram: an edit with the number 0 and no text is a new message', async t => {
  for (const number of [0, '0']) t.strictSame(parse('message_edit', { object: 'instagram', [`${EVENT}.message_edit`]: { mid: 'm_1', num_edit: number }, [`${EVENT}.sender`]: undefined }), { edits: [], ignored: [{}], clients: [] })
  t.match(parse('message_edit', { [`${EVENT}.message_edit`]: { mid: 'm_1', num_edit: 1 } }).ignored, [{ reason: 'unreadable' }])
})

t.test('Messenger: what the Page itself wrote is the operator\'s', async t => {
  const changes = { [`${EVENT}.sender.id`]: '104400110022', [`${EVENT}.recipient.id`]: '7700110022003300' }
  t.match(parseOne('message_edit', changes), { direction: 'out', user: { id: '7700110022003300' }, chat: { id: '7700110022003300' } })
})

t.test('Messenger: with a token the client\'s name can be asked for; not on Instagram, and not otherwise', async t => {
  const settings = { apiToken: 'EAAG0123456789abcdef' }
  t.equal(parseOne('message_edit', {}, settings).user.lookUpId, '7700110022003300')
  t.notOk('lookUpId' in parseOne('message_edit').user)
  t.notOk('lookUpId' in parseOne('message_edit', { object: 'instagram' }, settings).user)
  t.notOk('lookUpId' in parseOne('message_edit', { [`${EVENT}.sender.id`]: '../me' }, settings).user, 'what is no number does not become a path')
})

t.test('Messenger: other events are ignored, and tell nobody\'s name', async t => {
  t.strictSame(parse('message'), { edits: [], ignored: [{}, {}], clients: [] })
  t.strictSame(parse('message_edit', { 'entry.0.messaging': undefined }), { edits: [], ignored: [{}], clients: [] }, 'a change of the Page')
  t.strictSame(parse('message_edit', { object: 'permissions' }), { edits: [], ignored: [{}], clients: [] })
})

t.test('WhatsApp: every field of an edit is read, the original\'s id and not the event\'s', async t => {
  t.strictSame(parse('whatsapp-edit'), {
    edits: [{
      direction: 'in',
      user: { id: '79160001122', name: 'Анна Петрова', phone: '+79160001122' },
      message: { id: 'wamid.ORIGINAL0001', text: 'On [B]Thursday[/B], after [\u200BB]six[\u200B/B]', files: [] },
      chat: { id: '79160001122' },
      revision: { at: 1_795_341_660_000, tie: 0n },
    }],
    ignored: [],
    clients: [],
  })
})

t.test('WhatsApp: an edited caption comes without its file, which only the app\'s token opens, and perhaps without a profile', async t => {
  const edit = parseOne('whatsapp-edit.caption')
  t.match(edit, { user: { id: '79160001122', name: undefined }, message: { id: 'wamid.ORIGINAL0002', text: 'the [I]left[/I] one', files: [] } })
  const shown = (type: string, file: object) => parseOne('whatsapp-edit.caption', { [`${MESSAGE}.edit.message`]: { type, [type]: file } }).message.text
  for (const type of ['image', 'video', 'document']) {
    t.equal(shown(type, { caption: '*new*' }), '[B]new[/B]', type)
    t.equal(parseOne('whatsapp-edit.caption', { [`${MESSAGE}.edit.message`]: { type } }).message.text, shown(type, { caption: null }), 'removed')
  }
  t.strictSame([shown('image', {}), shown('video', { caption: '' }), shown('document', { filename: '*spec* [b].pdf' })], ['📷', '🎬', '📎 *spec* [\u200Bb].pdf'], 'so that the old caption does not stay')
})

t.test('WhatsApp: what the operator edits on the telephone is the operator\'s, and other echoes are ignored', async t => {
  const { edits, ignored, clients } = parse('whatsapp-echo-edit')
  t.match(edits, [{ direction: 'out', user: { id: '79160001122' }, chat: { id: '79160001122' }, message: { id: 'wamid.ORIGINAL0003' } }])
  t.strictSame([ignored, clients], [[{}], []])
})

t.test('WhatsApp: a group is a chat of its own', async t => {
  t.match(parseOne('whatsapp-edit', { [`${MESSAGE}.group_id`]: 'Y2FwaV9ncm91cDox' }), { user: { id: '79160001122', name: 'Анна Петрова' }, chat: { id: 'Y2FwaV9ncm91cDox' } })
  t.match(parse('whatsapp-edit', { [`${MESSAGE}.group_id`]: 'Y2FwaV9ncm91cDox', [`${MESSAGE}.type`]: 'text' }).clients, [{ user: { id: '79160001122' }, chat: 'Y2FwaV9ncm91cDox' }])
  const { direction, chat } = parseOne('whatsapp-echo-edit', { [`${VALUE}.message_echoes.0.to`]: undefined, [`${VALUE}.message_echoes.0.group_id`]: 'Y2FwaV9ncm91cDox' })
  t.strictSame([direction, chat.id], ['out', 'Y2FwaV9ncm91cDox'])
})

t.test('WhatsApp: an unsupported message is a lost edit unless Meta says that it is something else', async t => {
  const ignored = (unsupported: unknown) => parse('whatsapp-edit', { [`${MESSAGE}.type`]: 'unsupported', [`${MESSAGE}.unsupported`]: unsupported }).ignored
  for (const kind of [undefined, null, {}, { type: 'edit' }]) t.match(ignored(kind), [{ reason: 'unreadable' }])
  t.strictSame(ignored({ type: 'poll_creation' }), [{}])
})

t.test('WhatsApp: in a batch each event is read on its own, and tells who the client is', async t => {
  const { edits, ignored, clients } = parse('whatsapp-batch')
  t.match(edits, [{ user: { id: 'RU.1122334455', name: 'Vera', phone: undefined }, message: { id: 'wamid.IN0001', text: 'at eight' } }])
  t.strictSame(ignored, [
    {},
    {},
    { reason: 'unreadable', detail: 'Meta sent no content: the type is unsupported' },
    { reason: 'unreadable', detail: 'faulty: /message/edit/original_message_id' },
    {},
  ])
  t.match(clients, [
    { user: { id: '79160003344', name: 'Boris', phone: '+79160003344' }, chat: '79160003344', revision: { at: 1_795_341_700_000, tie: 0n } },
    { user: { id: '79160003344', name: 'Boris' }, revision: { at: 1_795_341_701_000 } },
  ])
})

t.test('WhatsApp: a client is known by his name, else by his username, and by the contact that is his', async t => {
  const contacts = (...contacts: unknown[]) => parseOne('whatsapp-edit', { [`${VALUE}.contacts`]: contacts }).user.name
  t.equal(contacts({ profile: { username: 'anna' }, wa_id: '79160001122' }), 'anna')
  t.equal(contacts({ profile: { name: 'Boris' }, wa_id: '1' }, { profile: { name: 'Anna' }, wa_id: '79160001122' }), 'Anna')
  t.equal(contacts({ profile: { name: 'Boris' }, wa_id: '1' }, { profile: { name: 'Vera' }, wa_id: '2' }), undefined)
  t.equal(contacts(null, 7), undefined)
  t.equal(contacts({ profile: { name: 'Anna' }, wa_id: '5491160001122' }), 'Anna', 'of the one message, though the telephone number is written otherwise')
})

t.test('only the channel\'s accounts are served', async t => {
  const counts = (event: string, account: string) => {
    const { edits, ignored } = parse(event, {}, { accounts: [account] })
    return [edits.length, ignored.length]
  }
  t.strictSame(counts('message_edit', '104400110022'), [1, 0])
  t.strictSame(counts('message_edit', '1'), [0, 1])
  t.strictSame(counts('whatsapp-edit', '330044550066'), [1, 0], 'by the number of the telephone')
  t.strictSame(counts('whatsapp-edit', '220033440055'), [1, 0], 'by the business account')
  t.strictSame(counts('whatsapp-edit', '1'), [0, 1])
})

t.test('what cannot be read names its fields and none of its words', async t => {
  const cases: [what: string, event: string, changes: Changes, detail: RegExp][] = [
    ['no id and no text', 'message_edit', { [`${EVENT}.message_edit`]: { num_edit: 1 } }, /^faulty: \/messaging\/message_edit\/mid, \/messaging\/message_edit\/text$/],
    ['no time', 'message_edit', { [`${EVENT}.timestamp`]: undefined, 'entry.0.time': undefined }, /^faulty: \/messaging\/timestamp$/],
    ['the Page\'s own to nobody', 'message_edit', { [`${EVENT}.sender.id`]: '104400110022', [`${EVENT}.recipient`]: {} }, /^faulty: \/messaging\/recipient\/id$/],
    ['an event far ahead', 'message_edit', { [`${EVENT}.timestamp`]: 9_999_999_999_999 }, /\/timestamp is not a time/],
    ['a text too long', 'message_edit', { [`${EVENT}.message_edit.text`]: 'x'.repeat(100_001) }, /more than 100000 characters/],
    ['an item that is none', 'message_edit', { [EVENT]: 'my password' }, /^faulty: \/messaging$/],
    ['an entry that is none', 'message_edit', { 'entry.0': null }, /^faulty: \/entry$/],
    ['nobody', 'whatsapp-edit', { [`${MESSAGE}.from`]: undefined }, /^faulty: \/message\/from$/],
    ['an edit of another kind', 'whatsapp-edit', { [`${MESSAGE}.edit.message`]: { type: 'poll', poll: { name: 'my password' } } }, /^faulty: \/message\/edit\/message\/type$/],
    ['milliseconds', 'whatsapp-edit', { [`${MESSAGE}.timestamp`]: '1795341660000' }, /timestamp/],
    ['no time', 'whatsapp-edit', { [`${MESSAGE}.timestamp`]: undefined }, /^faulty: \/message\/timestamp$/],
    ['a caption that is none', 'whatsapp-edit.caption', { [`${MESSAGE}.edit.message.image.caption`]: 7 }, /^faulty: \/message\/edit\/message\/image\/caption$/],
    ['an echo to nobody', 'whatsapp-echo-edit', { [`${VALUE}.message_echoes.0.to`]: undefined }, /^faulty: \/message\/to$/],
    ['no value', 'whatsapp-edit', { [VALUE]: undefined }, /^faulty: \/value$/],
  ]
  for (const [what, event, changes, detail] of cases) {
    const { edits, ignored } = parse(event, changes)
    t.equal(edits.length, 0, what)
    t.match(ignored[0], { reason: 'unreadable', detail }, what)
    t.notMatch(JSON.stringify(ignored), /password/, what)
  }
  for (const body of ['[]', '{"object":"page"}', '{"object":7,"entry":[]}', '{"entry":[]}', '{"object":"page","entry":{}}', 'x']) {
    t.throws(() => create().parse(post(Buffer.from(body)), NOW), BadRequest, body)
  }
})

t.test('nothing that is posted is more than unreadable', async () => {
  fuzz(body => create({ apiToken: 'EAAG0123456789abcdef' }).parse(post(body), NOW), EVENTS.map(event => fixture(`meta/${event}`).toString()))
})

t.test('the challenge is given back to whoever knows the verify token', async t => {
  const greet = (parameters: Record<string, string>, method: 'GET' | 'POST' = 'GET') => create().greet?.({ ...post(Buffer.alloc(0)), method, query: new URLSearchParams(parameters).toString() })
  const asked = { 'hub.mode': 'subscribe', 'hub.challenge': '1158201444', 'hub.verify_token': VERIFY_TOKEN }
  t.strictSame(greet(asked), { status: 200, body: '1158201444' })
  for (const token of ['', VERIFY_TOKEN.slice(1), VERIFY_TOKEN.slice(0, -1), `${VERIFY_TOKEN}x`, VERIFY_TOKEN.toUpperCase()]) t.throws(() => greet({ ...asked, 'hub.verify_token': token }), Unauthenticated, token)
  t.throws(() => greet({ 'hub.mode': 'subscribe', 'hub.challenge': '1' }), Unauthenticated)
  for (const [parameters, method] of [[asked, 'POST'], [{}, 'GET'], [{ ...asked, 'hub.mode': 'unsubscribe' }, 'GET'], [{ ...asked, 'hub.challenge': '<script>' }, 'GET']] as [Record<string, string>, 'GET' | 'POST'][]) {
    t.equal(greet(parameters, method), null, method + JSON.stringify(parameters))
  }
})

t.test('the signature is over the bytes, as another\'s library says', async t => {
  const library = new WhatsAppAPI({ token: 'none', appSecret: SECRET, webhookVerifyToken: VERIFY_TOKEN, v: 'v25.0' })
  // Meta escapes what is beyond ASCII, and the library does so again before it verifies.
  const body = Buffer.from(JSON.stringify({ object: 'page', entry: [], x: 'Анна' }).replace(/[\u0080-\uffff]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`))
  t.ok(await library.verifyRequestSignature(JSON.stringify(JSON.parse(body.toString())), sign(body)))
  const verify = (bytes: Buffer, headers: Record<string, string>, ...secrets: string[]) => () => { create({}, ...secrets).verify(post(bytes, headers), NOW) }
  t.doesNotThrow(verify(body, { [HEADER]: sign(body) }))
  t.doesNotThrow(verify(body, { [HEADER]: sign(body) }, 'f'.repeat(32), SECRET), 'while it rotates')
  const rewritten = Buffer.from(JSON.stringify(JSON.parse(body.toString())))
  const forgeries: [Buffer, Record<string, string>][] = [
    [rewritten, { [HEADER]: sign(body) }],
    [body, {}],
    [body, { [HEADER]: '' }],
    [body, { [HEADER]: sign(body, 'f'.repeat(32)) }],
    [body, { [HEADER]: sign(body).slice('sha256='.length) }],
    [body, { [HEADER]: sign(body).toUpperCase() }],
    [body, { [HEADER]: sign(body).slice(0, -2) }],
    [Buffer.concat([body, Buffer.from(' ')]), { [HEADER]: sign(body) }],
    [body, { 'x-hub-signature': sign(body) }],
  ]
  for (const [bytes, headers] of forgeries) t.throws(verify(bytes, headers), Unauthenticated, JSON.stringify(headers))
})

t.test('a secret is an app secret', async t => {
  t.ok(module.secret.isGood(SECRET))
  for (const secret of ['', SECRET.slice(1), `${SECRET}0`, 'x'.repeat(32), VERIFY_TOKEN]) t.notOk(module.secret.isGood(secret), secret)
})

t.test('through the relay into the portal', async t => {
  const { portal, lines, sendOriginal, post, get, drained, shown } = await startMessengers(t, [
    // eslint-disable-next-line no-template-curly-in-string -- as it stands in a CHANNELS_FILE
    { id: 'meta', messenger: 'meta', secrets: ['${META_SECRET}'], verifyToken: '${META_VERIFY_TOKEN}', allowAnonymous: true },
  ], { META_SECRET: SECRET, META_VERIFY_TOKEN: VERIFY_TOKEN })
  const send = async (body: Buffer, headers = { [HEADER]: sign(body) }) => await post('meta', body, headers)
  const outcomes = () => lines.filter(line => line.event === 'webhook.accepted').flatMap(line => line.edits as { outcome: string, reason?: string }[])
  const ok = { status: 200, text: '' }
  const psid = '7700110022003300'
  const edit = (mid: string, number: number, text: string, changes: Changes = {}) =>
    fixture('meta/message_edit', { [`${EVENT}.message_edit`]: { mid, text, num_edit: number }, [`${EVENT}.timestamp`]: Date.now() - 60_000 + number, ...changes })
  const whatsapp = (message: string, atS: number, body: string, changes: Changes = {}) =>
    fixture('meta/whatsapp-edit', { [`${MESSAGE}.edit.original_message_id`]: message, [`${MESSAGE}.timestamp`]: String(Math.floor(Date.now() / 1000) - 60 + atS), [`${MESSAGE}.edit.message.text.body`]: body, ...changes })

  await t.test('the address is confirmed by the challenge', async t => {
    t.match(await get('meta', `hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${VERIFY_TOKEN}`), { status: 200, text: '1158201444', contentType: /^text\/plain/ })
    t.equal((await get('meta', 'hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=wrong')).status, 401)
    t.equal((await get('meta', '')).status, 404)
  })

  await t.test('edits of both show, and Meta gets a 200', async t => {
    await sendOriginal({ message: 'm_1', chat: psid, user: psid })
    t.match(await send(edit('m_1', 1, 'from *Messenger* [b]')), ok)
    t.equal((await shown('m_1', 'from *Messenger* [\u200Bb]'))?.text, 'from *Messenger* [\u200Bb]')
    await sendOriginal({ message: 'wamid.1', chat: '79160001122', user: '79160001122' })
    t.match(await send(whatsapp('wamid.1', 1, 'from *WhatsApp*')), ok)
    t.equal((await shown('wamid.1', 'from [B]WhatsApp[/B]'))?.text, 'from [B]WhatsApp[/B]')
  })

  await t.test('reversed and doubled deliveries leave the newest, by the time and then by the number', async t => {
    await sendOriginal({ message: 'm_2', chat: psid, user: psid })
    const at = { [`${EVENT}.timestamp`]: Date.now() - 60_000 }
    for (const body of [edit('m_2', 3, 'third', at), edit('m_2', 2, 'second', at), edit('m_2', 1, 'first', at), edit('m_2', 3, 'third', at)]) t.match(await send(body), ok)
    t.strictSame(outcomes().slice(-4).map(({ outcome }) => outcome), ['accepted', 'stale', 'stale', 'duplicate'])
    await sendOriginal({ message: 'm_3', chat: psid, user: psid })
    const numbered = (number: number | undefined, text: string, afterMs: number) => edit('m_3', 0, text, { [`${EVENT}.message_edit.num_edit`]: number, [`${EVENT}.timestamp`]: Date.now() - 60_000 + afterMs })
    for (const body of [numbered(5, 'the fifth', 0), numbered(undefined, 'without a number', 5000), numbered(2, 'counted anew', 9000)]) t.match(await send(body), ok)
    t.strictSame(outcomes().slice(-3).map(({ outcome }) => outcome), ['accepted', 'accepted', 'accepted'])
    t.equal((await shown('m_3', 'counted anew'))?.text, 'counted anew')
    await sendOriginal({ message: 'wamid.2', chat: '79160001122', user: '79160001122' })
    for (const body of [whatsapp('wamid.2', 9, 'newest'), whatsapp('wamid.2', 3, 'older'), whatsapp('wamid.2', 9, 'newest')]) t.match(await send(body), ok)
    t.strictSame(outcomes().slice(-3).map(({ outcome }) => outcome), ['accepted', 'stale', 'duplicate'])
    await drained()
    t.strictSame((await shown('m_2', 'third'))?.history.map(({ text }) => text), ['original', 'third'])
    t.strictSame((await shown('wamid.2', 'newest'))?.history.map(({ text }) => text), ['original', 'newest'])
  })

  await t.test('what cannot be read, or is no edit, gets a 200 too, and is counted', async t => {
    await sendOriginal({ message: 'wamid.IN0001', chat: 'RU.1122334455', user: 'RU.1122334455' })
    t.match(await send(fixture('meta/whatsapp-batch')), ok)
    t.equal((await shown('wamid.IN0001', 'at eight'))?.text, 'at eight', 'the one edit that is whole')
    t.strictSame(outcomes().slice(-5).map(({ reason = null }) => reason), [null, null, 'unreadable', 'unreadable', null])
    t.match(await send(Buffer.from('{"object":"page","x":"my password"}')), ok)
    t.match(outcomes().at(-1), { outcome: 'ignored', reason: 'unreadable' })
    t.notMatch(JSON.stringify(lines), new RegExp(`my password|${SECRET}|${VERIFY_TOKEN}`))
  })

  await t.test('a forgery is refused', async t => {
    const forged = edit('m_1', 9, 'forged')
    t.equal((await send(forged, { [HEADER]: sign(edit('m_1', 9, 'signed')) })).status, 401)
    t.equal((await send(forged, { [HEADER]: `sha256=${'0'.repeat(64)}` })).status, 401)
    await drained()
    t.notMatch(JSON.stringify(await portal.messages('?message=m_1')), /forged/)
  })
})

import t from 'tap'
import { createHmac } from 'node:crypto'
import { verifySlackRequest } from '@slack/bolt/dist/receivers/verify-request.js'
import type { MessageEdit } from '../../../src/edit/edit.ts'
import { fixture, type Changes } from '../fixture.ts'
import { fuzzPromised } from '../fuzz.ts'
import { startMessengers } from '../running.ts'
import { create, example, NOW, read } from './channel.ts'

const NAMES = ['slack', 'rocket-chat', 'chatwoot', 'evolution'] as const

/** One that uses what the examples do not. */
const SHOP = {
  id: 'shop',
  messenger: 'custom',
  secrets: ['a-secret-of-the-shop'],
  verify: { kind: 'header', header: 'X-Shop-Secret' },
  handshakes: [{ kind: 'echo-query', parameter: 'challenge', when: { word: 'an-agreed-word' } }],
  reply: { body: '<Response/>', contentType: 'text/xml' },
  unreadable: 'refuse',
  forEach: 'edits',
  map: '{ "user": { "id": "u9", "name": "Anna" }, "chat": { "id": "c9" }, "message": { "id": id, "text": text, "edited_at": $receivedAt } }',
}

const SECRETS = {
  SLACK_SIGNING_SECRET: 'f00dfeedf00dfeedf00dfeedf00dfeed',
  ROCKET_CHAT_TOKEN: 'a-rocket-chat-token-24ch',
  CHATWOOT_WEBHOOK_SECRET: 'a-chatwoot-webhook-secret',
  EVOLUTION_WEBHOOK_TOKEN: 'an-evolution-webhook-token',
}

async function readOne (path: string, changes: Changes = {}): Promise<MessageEdit> {
  const { edits: [edit] } = await readFixture(path, changes)
  if (edit === undefined) throw new Error('it was ignored')
  return edit
}

async function readFixture (path: string, changes: Changes = {}) {
  return await read(example(path.split('/')[0] ?? ''), fixture(`custom/${path}`, changes))
}

const IGNORED = { edits: [], ignored: [{}], clients: [] }

/** The client of new messages in the fixtures of Evolution. */
const SEEN = {
  user: { id: '15550101@s.whatsapp.net', name: 'Anna Petrova', lastName: undefined, pictureUrl: undefined, url: undefined, gender: undefined, email: undefined, phone: undefined },
  chat: '15550101@s.whatsapp.net',
  revision: { at: 1_795_341_300_000, tie: 0n },
}

t.test('Slack: every field of a client\'s edit is read', async t => {
  t.match(await readOne('slack/edited'), {
    direction: 'in',
    user: { id: 'U061F7AUR', name: 'Anna Petrova' },
    message: { id: '1795341300.000250', date: 1_795_341_300_000, text: 'Ship [B]two[/B] boxes to [URL=https://example.com/a]the shop[/URL] & call' },
    chat: { id: 'D024BE91L' },
    revision: { at: 1_795_341_599_000, tie: 0n },
  })
  t.strictSame((await readOne('slack/edited', { 'event.message.edited.ts': '1795341599.000107' })).revision, { at: 1_795_341_599_000, tie: 107n })
})

t.test('Slack, trap: message_changed comes also when nobody edited', async t => {
  t.strictSame(await readFixture('slack/unfurled'), IGNORED, 'a link was unfurled')
  t.strictSame(await readFixture('slack/unfurled', { 'event.message.edited': { user: 'U061F7AUR', ts: '1795341200.000000' } }), IGNORED, 'in a message edited before')
  t.strictSame(await readFixture('slack/edited', { 'event.message.edited': undefined }), IGNORED, 'an app changed what is shown')
  t.strictSame(await readFixture('slack/edited', { 'event.subtype': undefined }), IGNORED, 'a new message')
  t.strictSame(await readFixture('slack/edited', { 'event.subtype': 'message_deleted' }), IGNORED, 'a deleted one')
})

t.test('Slack: an edit is found by its sign, whatever else is missing', async t => {
  const text = (await readOne('slack/edited')).message.text
  for (const changes of [{ 'event.previous_message': undefined }, { 'event.previous_message': null }, { 'event.previous_message.text': undefined }, { 'event.message.bot_id': null }] as Changes[]) {
    t.match(await readOne('slack/edited', changes), { direction: 'in', message: { text } }, JSON.stringify(changes))
  }
  t.strictSame(await readFixture('slack/edited', { 'event.message.edited': null }), IGNORED)
  t.strictSame(await readFixture('slack/edited', { 'event.message.subtype': 'tombstone', 'event.message.text': 'This message was deleted.' }), IGNORED, 'a deleted message with a thread')
  await t.rejects(readFixture('slack/edited', { 'event.message.text': undefined }), { name: 'BadRequest', message: 'map gives a faulty edit: /message/text' })
})

t.test('Slack: what the connector\'s bot edits is the operator\'s, and a name comes from other events', async t => {
  t.match(await readOne('slack/edited', { 'event.message.user': undefined, 'event.message.bot_id': 'B1' }), { direction: 'out', user: { id: 'B1' } })
  t.equal((await readOne('slack/edited', { 'event.message.user_profile': undefined })).user.name, undefined)
  t.match(await readFixture('slack/user-change'), { edits: [], ignored: [{}], clients: [{ user: { id: 'U061F7AUS', name: 'Boris Orlov', email: 'boris@example.com' }, revision: { at: 1_795_341_599_000 } }] })
})

t.test('Rocket.Chat: an edit is as new as it came, because it tells no time', async t => {
  t.match(await readOne('rocket-chat/edited'), {
    direction: 'in',
    user: { id: 'rocketUser1', name: 'anna.petrova' },
    message: { id: 'wYLwhCdwDnBCCvJGT', date: Date.UTC(2026, 10, 22, 9, 55), text: 'Two boxes, please' },
    chat: { id: 'GENERAL', name: 'general' },
    revision: { at: NOW, tie: 0n },
  })
  t.strictSame(await readFixture('rocket-chat/sent'), IGNORED)
  t.strictSame(await readFixture('rocket-chat/edited', { isEdited: false }), IGNORED)
  t.equal((await readOne('rocket-chat/edited', { bot: { i: 'abc' } })).direction, 'out')
  t.equal((await readOne('rocket-chat/edited', { channel_name: null })).chat.name, undefined, 'a direct message')
})

t.test('Chatwoot: every field of a client\'s edit is read', async t => {
  const user = { id: '640', name: 'Anna Petrova', email: undefined, phone: '+15550100' }
  t.match(await readOne('chatwoot/edited'), {
    user,
    message: { id: '81231', date: Date.UTC(2026, 10, 22, 9, 55), text: 'Two boxes, please' },
    chat: { id: '77' },
    revision: { at: 1_795_341_599_251 },
  })
  t.equal((await readOne('chatwoot/edited', { 'conversation.updated_at': undefined })).revision.at, NOW, 'an older version tells no time')
  t.equal((await readOne('chatwoot/edited', { created_at: '2026-11-22 09:55:00 UTC' })).message.date, undefined)
  t.match(await readFixture('chatwoot/edited', { event: 'message_created' }), { edits: [], ignored: [{}], clients: [{ user, chat: '77' }] })
})

t.test('Chatwoot, trap: message_updated comes for any change', async t => {
  t.strictSame(await readFixture('chatwoot/status-changed'), IGNORED, 'the operator\'s message was read')
  t.strictSame(await readFixture('chatwoot/deleted'), IGNORED, 'a deleted message says so in words that nobody wrote')
  t.strictSame(await readFixture('chatwoot/edited', { private: true }), IGNORED, 'a note')
  t.strictSame(await readFixture('chatwoot/edited', { content: null }), IGNORED, 'a picture without words')
  await t.rejects(readFixture('chatwoot/edited', { content: undefined }), { name: 'BadRequest', message: 'map gives a faulty edit: /message/text' }, 'if Chatwoot calls it otherwise one day')
})

t.test('Evolution API: every field of a client\'s edit is read', async t => {
  t.match(await readOne('evolution/edited'), {
    direction: 'in',
    user: { id: '15550101@s.whatsapp.net', name: undefined },
    message: { id: '3EB0C431C26A1916E07A', text: '[B]Two[/B] boxes, please' },
    chat: { id: '120363041234567890@g.us' },
    revision: { at: 1_795_341_599_189 },
  })
  t.equal((await readOne('evolution/edited.document')).message.text, 'the [B]new[/B] order')
  t.equal((await readOne('evolution/edited', { 'data.timestampMs': { low: 45_269_461, high: 418, unsigned: true } })).revision.at, 418 * 2 ** 32 + 45_269_461, 'as an object of the library for long integers')
  t.equal((await readOne('evolution/edited', { 'data.timestampMs': { low: -1000, high: 417, unsigned: true } })).revision.at, 418 * 2 ** 32 - 1000)
  t.match(await readFixture('evolution/new-message'), { edits: [], ignored: [{}], clients: [{ user: { id: '15550101@s.whatsapp.net', name: 'Anna Petrova' }, chat: '120363041234567890@g.us', revision: { at: 1_795_341_300_000 } }] })
})

t.test('Evolution API: a text or a caption is found in any wrapper, and a removed caption becomes a sign', async t => {
  const textOf = async (editedMessage: object) => (await readOne('evolution/edited', { 'data.editedMessage': editedMessage })).message.text
  const messages: Array<[object, string]> = [
    [{ extendedTextMessage: { text: 'Three', contextInfo: { quotedMessage: { conversation: 'Two' } } } }, 'Three'],
    [{ conversation: '', extendedTextMessage: { text: 'Three' } }, 'Three'],
    [{ conversation: null, imageMessage: { caption: 'Three' } }, 'Three'],
    [{ videoMessage: { caption: 'Three' } }, 'Three'],
    [{ documentMessage: { caption: 'Three', fileName: 'a.pdf' } }, 'Three'],
    [{ imageMessage: {} }, '📷'],
    [{ imageMessage: { caption: '' } }, '📷'],
    [{ imageMessage: { caption: null, mimetype: 'image/jpeg' } }, '📷'],
    [{ videoMessage: { caption: '' } }, '🎬'],
    [{ ptvMessage: {} }, '🎬'],
    [{ documentMessage: { fileName: 'a.pdf' } }, '📎'],
  ]
  const wrappers = ['documentWithCaptionMessage', 'ephemeralMessage', 'viewOnceMessage', 'editedMessage']
  for (const [message, text] of messages) {
    t.equal(await textOf(message), text, JSON.stringify(message))
    for (const wrapper of wrappers) {
      t.equal(await textOf({ [wrapper]: { message }, messageContextInfo: { messageSecret: 'x' } }), text, `${wrapper}: ${JSON.stringify(message)}`)
      t.equal(await textOf({ ephemeralMessage: { message: { [wrapper]: { message } } } }), text, `ephemeralMessage, ${wrapper}: ${JSON.stringify(message)}`)
    }
  }
  for (const message of [{}, { audioMessage: {} }, { conversation: 5 }, { contextInfo: { quotedMessage: { conversation: 'Two' } } }]) {
    await t.rejects(textOf(message), { name: 'BadRequest', message: 'map gives a faulty edit: /message/text' }, JSON.stringify(message))
  }
})

t.test('Evolution API, trap: messages.edited comes for a revoked message and other protocol messages', async t => {
  t.strictSame(await readFixture('evolution/revoked'), IGNORED)
  t.strictSame(await readFixture('evolution/revoked', { 'data.editedMessage': { conversation: 'x' } }), IGNORED)
  t.strictSame(await readFixture('evolution/edited', { 'data.type': 'EPHEMERAL_SETTING' }), IGNORED)
  t.strictSame(await readFixture('evolution/encrypted', { 'data.message.secretEncryptedMessage.secretEncType': 1 }), { ...IGNORED, clients: [{ ...SEEN, message: 'AC2B0F0A7CB8D2B0F8AA' }] }, 'an event was edited, and no message')
  await t.rejects(readFixture('evolution/encrypted'), { name: 'BadRequest', message: 'map gives a faulty edit: /message/edited_at, /message/text' }, 'an edit that WhatsApp encrypted has no text')
  await t.rejects(readFixture('evolution/edited', { 'data.editedMessage': undefined }), { name: 'BadRequest', message: 'map gives a faulty edit: /message/text' }, 'nor has this')
  t.equal((await readOne('evolution/edited', { 'data.type': 14 })).message.id, '3EB0C431C26A1916E07A', 'the type as a number')
})

t.test('Evolution API, trap: the key is as the editor sees it', async t => {
  const self = '15550199@s.whatsapp.net'
  t.equal((await readOne('evolution/edited', { 'data.key.participant': self })).direction, 'out', 'our own edit in a group')
  const alone = { 'data.key.participant': undefined, 'data.key.remoteJid': '15550101@s.whatsapp.net' }
  t.match(await readOne('evolution/edited', { ...alone, 'data.key.fromMe': false }), { direction: 'in', user: { id: '15550101@s.whatsapp.net' }, chat: { id: '15550101@s.whatsapp.net' } })
  t.equal((await readOne('evolution/edited', alone)).direction, 'out', 'our own edit of a message to a client')
  await t.rejects(readFixture('evolution/edited', { ...alone, 'data.key.remoteJid': self }), { name: 'BadRequest', message: 'map gives a faulty edit: /user/id, /chat/id' }, 'the client sees us as the chat: whose it is, it does not say')

  const find = async (message: string) => message === '3EB0C431C26A1916E07A' ? { user: '15550101@s.whatsapp.net', chat: '15550101@s.whatsapp.net' } : null
  for (const view of [{ 'data.key.remoteJid': self }, { 'data.key.remoteJid': '77001122@lid' }, { 'data.key.remoteJid': self, 'data.key.fromMe': false }]) {
    const { edits: [edit] } = await read(example('evolution'), fixture('custom/evolution/edited', { ...alone, ...view }), find)
    t.match(edit, { direction: 'in', user: { id: '15550101@s.whatsapp.net' }, chat: { id: '15550101@s.whatsapp.net' } }, 'the message was seen')
  }
  const inGroup = await read(example('evolution'), fixture('custom/evolution/edited'), async () => ({ user: 'x', chat: 'x' }))
  t.match(inGroup, { edits: [{ chat: { id: '120363041234567890@g.us' } }] }, 'in a group others know the ids of messages')
})

t.test('no JSON makes an example fail', async t => {
  for (const name of NAMES) {
    const messenger = create(example(name))
    const fixtures = { slack: ['edited', 'user-change'], 'rocket-chat': ['edited'], chatwoot: ['edited'], evolution: ['edited', 'new-message'] }[name]
    await fuzzPromised(async body => await messenger.parse({ method: 'POST', query: '', headers: {}, body }, NOW), fixtures.map(path => fixture(`custom/${name}/${path}`).toString()), 60)
  }
  t.pass()
})

t.test('real webhooks through a relay into a portal', async t => {
  const messengers = await startMessengers(t, [...NAMES.map(example), SHOP], SECRETS)
  const { post, get, shown, drained, sendOriginal, lines } = messengers
  const nowS = Math.floor(Date.now() / 1000)
  const text = (body: Buffer) => body.toString()
  const hmac = (secret: string, content: string) => createHmac('sha256', secret).update(content).digest('hex')

  const slack = (changes: Changes) => text(fixture('custom/slack/edited', { 'event.message.ts': `${nowS - 60}.000250`, ...changes }))
  const signSlack = (body: string, sentAt = nowS) => ({ 'x-slack-request-timestamp': String(sentAt), 'x-slack-signature': `v0=${hmac(SECRETS.SLACK_SIGNING_SECRET, `v0:${sentAt}:${body}`)}` })
  const edit = (wording: string, micros: string) => slack({ 'event.message.text': wording, 'event.message.edited.ts': `${nowS}.${micros}` })
  const slackIds = { message: `${nowS - 60}.000250`, chat: 'D024BE91L', user: 'U061F7AUR' }

  await t.test('Slack asks whether the address is ours, and signs the question', async t => {
    const question = text(fixture('custom/slack/url-verification'))
    t.match(await post('slack', question, signSlack(question)), { status: 200, text: '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P', contentType: /^text\/plain/ })
    t.match(await post('slack', question), { status: 401 })
  })

  await t.test('Slack: the newest edit is what the operator sees, whatever the order and however often', async t => {
    await sendOriginal(slackIds)
    const [first, second] = [edit('Ship *two* boxes', '000100'), edit('Ship *three* boxes', '000200')]
    t.doesNotThrow(() => verifySlackRequest({ signingSecret: SECRETS.SLACK_SIGNING_SECRET, body: first, headers: { 'x-slack-signature': signSlack(first)['x-slack-signature'], 'x-slack-request-timestamp': nowS } }), 'signed as Slack signs')
    t.match(await post('slack', second, signSlack(second)), { status: 200, text: '' })
    t.match(await post('slack', first, signSlack(first)), { status: 200 }, 'late')
    t.match(await post('slack', second, signSlack(second)), { status: 200 }, 'again')
    await drained()
    t.equal((await shown(slackIds.message, 'Ship [B]three[/B] boxes'))?.text, 'Ship [B]three[/B] boxes')
    t.match(outcomes('slack').slice(-3), ['accepted', 'stale', 'duplicate'])
    const unfurled = slack({ 'event.previous_message.text': 'Ship *three* boxes', 'event.message.text': 'Ship *three* boxes' })
    t.match(await post('slack', unfurled, signSlack(unfurled)), { status: 200, text: '' })
    t.equal(outcomes('slack').at(-1), 'ignored')
  })

  await t.test('Slack: an edit without previous_message is shown', async t => {
    const ids = { message: `${nowS - 70}.000030`, chat: 'D060', user: 'U060' }
    await sendOriginal(ids, 'Ship one')
    const body = slack({
      'event.channel': ids.chat, 'event.message.user': ids.user, 'event.message.ts': ids.message, 'event.message.text': 'Ship two', 'event.message.edited': { user: ids.user, ts: `${nowS - 5}.000000` }, 'event.previous_message': undefined,
    })
    t.match(await post('slack', body, signSlack(body)), { status: 200 })
    t.equal((await shown(ids.message, 'Ship two'))?.text, 'Ship two')
  })

  await t.test('Slack: what is forged is refused', async t => {
    const body = edit('Send the money to me', '000900')
    t.match(await post('slack', body, { ...signSlack(body), 'x-slack-signature': `v0=${hmac('another-secret', body)}` }), { status: 401 })
    t.match(await post('slack', `${body} `, signSlack(body)), { status: 401 })
    t.match(await post('slack', body, signSlack(body, nowS - 400)), { status: 401 }, 'an old one again')
    t.match(await post('slack', body), { status: 401 })
  })

  await t.test('Rocket.Chat', async t => {
    await sendOriginal({ message: 'rc1', chat: 'GENERAL', user: 'rocketUser1' })
    const body = (wording: string, changes: Changes = {}) => fixture('custom/rocket-chat/edited', { message_id: 'rc1', text: wording, timestamp: new Date().toISOString(), ...changes })
    t.match(await post('rocket-chat', body('Two [b]boxes')), { status: 200, text: '' })
    t.match(await post('rocket-chat', body('Two [b]boxes')), { status: 200 })
    t.match(await post('rocket-chat', body('Forged', { token: 'a-rocket-chat-token-25ch' })), { status: 401 })
    t.match(await post('rocket-chat', body('Forged', { token: undefined })), { status: 401 })
    t.match(outcomes('rocket-chat'), ['accepted', 'duplicate'])
    await drained()
    t.equal((await shown('rc1', 'Two [\u200bb]boxes'))?.text, 'Two [\u200bb]boxes')
  })

  await t.test('Chatwoot: the content is compared, whatever else has changed', async t => {
    await sendOriginal({ message: '91', chat: '77', user: '640' })
    const send = async (content: string, updatedAt: number, sentAt = nowS, secret = SECRETS.CHATWOOT_WEBHOOK_SECRET) => {
      const body = text(fixture('custom/chatwoot/edited', { id: 91, content, created_at: new Date().toISOString(), 'conversation.updated_at': updatedAt }))
      return await post('chatwoot', body, { 'x-chatwoot-timestamp': String(sentAt), 'x-chatwoot-signature': `sha256=${hmac(secret, `${sentAt}.${body}`)}` })
    }
    t.match(await send('Three', nowS + 0.5), { status: 200, text: '' })
    t.match(await send('Two', nowS + 0.25), { status: 200 })
    t.match(await send('Three', nowS + 0.75), { status: 200 })
    t.match(await send('Forged', nowS, nowS - 400), { status: 401 })
    t.match(await send('Forged', nowS, nowS, 'another-secret'), { status: 401 })
    t.match(outcomes('chatwoot'), ['accepted', 'stale', 'duplicate'])
    await drained()
    t.equal((await shown('91', 'Three'))?.text, 'Three')
  })

  await t.test('Evolution API: the name comes with the new message, and the apikey in the body goes nowhere', async t => {
    const headers = { authorization: `Bearer ${SECRETS.EVOLUTION_WEBHOOK_TOKEN}` }
    const ids = { message: '3EB0C431C26A1916E07A', chat: '120363041234567890@g.us', user: '15550101@s.whatsapp.net' }
    await sendOriginal(ids)
    const body = (wording: string, atMs: number) => fixture('custom/evolution/edited', { 'data.editedMessage.conversation': wording, 'data.timestampMs': String(atMs) })
    t.match(await post('evolution', body('nameless', Date.now() - 5000), headers), { status: 200 })
    t.match(await post('evolution', fixture('custom/evolution/new-message', { 'data.messageTimestamp': nowS - 60 }), headers), { status: 200, text: '' })
    t.match(await post('evolution', body('_Three_', Date.now() - 1000), headers), { status: 200 })
    t.match(await post('evolution', body('Two', Date.now() - 2000), headers), { status: 200 })
    t.match(await post('evolution', fixture('custom/evolution/revoked'), headers), { status: 200 })
    t.match(await post('evolution', fixture('custom/evolution/edited', { 'data.key.id': null }), headers), { status: 200 }, 'authentic, and not readable')
    t.match(await post('evolution', body('Forged', Date.now()), { authorization: 'Bearer EVOLUTION-API-KEY-OF-THE-INSTANCE' }), { status: 401 })
    t.match(outcomes('evolution'), ['refused anonymous-user', 'ignored', 'accepted', 'stale', 'ignored', 'ignored unreadable'])
    await drained()
    t.equal((await shown(ids.message, '[I]Three[/I]'))?.text, '[I]Three[/I]')
  })

  await t.test('Evolution API: the caption of a document in a group, and one that was removed', async t => {
    const headers = { authorization: `Bearer ${SECRETS.EVOLUTION_WEBHOOK_TOKEN}` }
    const ids = { message: '3EB0EVO50', chat: '120363000000000050@g.us', user: '5511933330050@s.whatsapp.net' }
    await sendOriginal(ids)
    const key = { 'data.key.remoteJid': ids.chat, 'data.key.participant': ids.user }
    const documentMessage = (caption: string | null) => ({ documentWithCaptionMessage: { message: { documentMessage: { caption } } } })
    const body = (caption: string | null, atMs: number) => fixture('custom/evolution/edited', { ...key, 'data.key.id': ids.message, 'data.editedMessage': documentMessage(caption), 'data.timestampMs': String(atMs) })
    t.match(await post('evolution', fixture('custom/evolution/new-message', { ...key, 'data.key.id': 'A', 'data.messageTimestamp': nowS - 50 }), headers), { status: 200 })
    t.match(await post('evolution', body('new caption', Date.now() - 4000), headers), { status: 200 })
    t.equal((await shown(ids.message, 'new caption'))?.text, 'new caption')
    t.match(await post('evolution', body(null, Date.now() - 2000), headers), { status: 200 })
    t.equal((await shown(ids.message, '📎'))?.text, '📎')
  })

  await t.test('Evolution API: an edit in a chat of two goes to the client whose message was seen, and a stranger\'s is unreadable', async t => {
    const headers = { authorization: `Bearer ${SECRETS.EVOLUTION_WEBHOOK_TOKEN}` }
    const client = '15550107@s.whatsapp.net'
    const ids = { message: '3EB0EVO51', chat: client, user: client }
    await sendOriginal(ids)
    const body = (message: string, wording: string) => fixture('custom/evolution/edited.direct', { 'data.key.id': message, 'data.editedMessage': { conversation: wording }, 'data.timestampMs': String(Date.now() - 1000) })
    t.match(await post('evolution', body(ids.message, 'too early'), headers), { status: 200 })
    t.match(outcomes('evolution').at(-1), 'ignored unreadable')
    const key = { remoteJid: client, fromMe: false, id: ids.message }
    t.match(await post('evolution', fixture('custom/evolution/new-message', { 'data.key': key, 'data.pushName': 'Vera', 'data.messageTimestamp': nowS - 30 }), headers), { status: 200 })
    t.match(await post('evolution', fixture('custom/evolution/new-message', { 'data.key': { ...key, remoteJid: '15550108@s.whatsapp.net', id: 'B' }, 'data.messageTimestamp': nowS - 20 }), headers), { status: 200 })
    t.match(await post('evolution', body(ids.message, 'Six'), headers), { status: 200 })
    t.match(outcomes('evolution').at(-1), 'accepted')
    t.equal((await shown(ids.message, 'Six'))?.text, 'Six')
    t.match(await post('evolution', fixture('custom/evolution/encrypted'), headers), { status: 200 })
    t.match(outcomes('evolution').at(-1), 'ignored unreadable')
  })

  await t.test('a batch, a reply in the sender\'s own words, a question by GET, and what cannot be read is refused', async t => {
    const headers = { 'x-shop-secret': 'a-secret-of-the-shop' }
    for (const message of ['s1', 's2']) await sendOriginal({ message, chat: 'c9', user: 'u9' })
    t.match(await post('shop', { edits: [{ id: 's1', text: 'One' }, { id: null }, { id: 's2', text: 'Two' }] }, headers), { status: 200, text: '<Response/>', contentType: 'text/xml' })
    t.match(outcomes('shop'), ['accepted', 'accepted', 'ignored unreadable'])
    t.match(await post('shop', '{', headers), { status: 400, contentType: 'application/problem+json' })
    t.match(await post('shop', { edits: Array(1001).fill({}) }, headers), { status: 400, text: /forEach finds more than 1000 items/ })
    t.match(await get('shop', 'word=an-agreed-word&challenge=123'), { status: 200, text: '123', contentType: /^text\/plain/ })
    t.match(await get('shop', 'word=another&challenge=123'), { status: 401 })
    t.match(await get('shop', ''), { status: 404 })
    await drained()
    t.equal((await shown('s1', 'One'))?.text, 'One')
    t.equal((await shown('s2', 'Two'))?.text, 'Two')
  })

  const log = JSON.stringify(lines)
  for (const secret of [...Object.values(SECRETS), 'EVOLUTION-API-KEY-OF-THE-INSTANCE', 'Forged', 'Three']) t.notOk(log.includes(secret), `${secret} is not in the log`)

  function outcomes (channel: string): string[] {
    const results = lines.filter(line => line.event === 'webhook.accepted' && line.channel === channel).flatMap(line => line.edits as Array<{ outcome: string, reason?: string }>)
    return results.map(({ outcome, reason }) => reason === undefined ? outcome : `${outcome} ${reason}`)
  }
})

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { BadRequest, Unauthenticated } from '../../../src/base/errors.ts'
import { max as module } from '../../../src/messengers/max/max.ts'
import type { WebhookContent } from '../../../src/messengers/messenger.ts'
import { fuzz } from '../fuzz.ts'
import { startMessengers } from '../running.ts'

const NOW = Date.UTC(2026, 10, 22, 10, 30)
const SENT_AT = 1_795_341_600_123
const SECRET = 'max-secret_of_the_Tests-1234'
const HEADER = 'x-max-bot-api-secret'
const FIXTURES = new URL('../fixtures/max/', import.meta.url)

interface Update { update_type: string, timestamp: number, message: { sender: object | null, recipient: object, timestamp: number, body: object | null } }

/** As it stands in the file: parsed and written again, its integers would be others. */
const read = (name: string) => readFileSync(new URL(`${name}.json`, FIXTURES), 'utf8')

const create = (...secrets: string[]) => module.create({ secrets, settings: {} })

function parse (update: unknown): WebhookContent {
  const body = Buffer.from(typeof update === 'string' ? update : JSON.stringify(update))
  return create(SECRET).parse({ method: 'POST', query: '', headers: {}, body }, NOW)
}

function parseOne (update: unknown) {
  const { edits: [edit] } = parse(update)
  if (edit === undefined) throw new Error('it was ignored')
  return edit
}

/** A fixture with parts of its message replaced; ids in it are small enough for numbers. */
function changed (name: string, message: object, rest: object = {}): Update {
  const update = JSON.parse(read(name)) as Update
  return { ...update, ...rest, message: { ...update.message, ...message } }
}

t.test('every field of a client\'s edit is read, integers beyond 2^53 to the last digit', async t => {
  const { edits, ignored, clients } = parse(read('message_edited'))
  t.strictSame(edits, [{
    direction: 'in',
    user: { id: '40123456', name: 'Анна', lastName: 'Петрова', pictureUrl: undefined },
    message: { id: 'mid.000000000a1b2c3d019d47b1ce4600ff', date: SENT_AT, text: '👍 [B]two kilos[/B], please', files: [] },
    chat: { id: '9007199254740993' },
    revision: { at: 1_795_341_720_345, tie: 117_327_994_376_978_689n },
  }])
  t.strictSame([ignored, clients], [[], []])
})

t.test('a link without a URL and markup outside the text style nothing', async t => {
  t.equal(parseOne(read('message_edited.link-without-url')).message.text, 'see the list or the [URL=https://e.com/%5Bshop%5D]shop[/URL]')
})

t.test('files go on by the URLs that open without a token', async t => {
  const edit = parseOne(read('message_edited.files'))
  t.strictSame(edit.message.files, [{ url: 'https://i.oneme.example/photo.webp?sig=1' }, { url: 'https://fd.oneme.example/getfile?id=5', name: 'order [1].pdf' }])
  t.equal(edit.message.text, '', 'their addresses become the text later')
  t.notMatch(JSON.stringify(edit.message), /token/)
  t.equal(edit.user.pictureUrl, 'https://i.oneme.example/full.webp')
})

t.test('a file without a URL is shown by a sign, if there is no text', async t => {
  const body = { mid: 'm', seq: 1, attachments: [{ type: 'contact', payload: {} }, { type: 'video', payload: { token: 'x' } }, { type: 'image', payload: { url: 'javascript:1' } }] }
  t.match(parseOne(changed('message_edited.channel', { body })).message, { text: '🎬', files: [] })
  t.equal(parseOne(changed('message_edited.channel', { body: { ...body, text: 'see' } })).message.text, 'see')
})

t.test('what says nothing of its own is no edit', async t => {
  t.match(parse(read('message_edited.forwarded')), { edits: [], ignored: [{}], clients: [{ user: { id: '40123456' } }] })
  for (const body of [{ mid: 'm', text: null }, { mid: 'm', text: '', attachments: [{ type: 'location', latitude: 1 }] }, { mid: 'm', attachments: null }]) {
    t.match(parse(changed('message_edited.channel', { body })), { edits: [], ignored: [{}] }, JSON.stringify(body))
  }
})

t.test('a bot\'s edit is the operator\'s', async t => {
  t.equal(parseOne(changed('message_edited.channel', { sender: { user_id: 1, first_name: 'Shop', is_bot: true } })).direction, 'out')
})

t.test('a channel\'s post has no sender: it is the channel\'s, without a name', async t => {
  t.strictSame(parseOne(read('message_edited.channel')).user, { id: '-70801090403050' })
})

t.test('the original\'s time may be missing or wrong', async t => {
  for (const timestamp of [undefined, null, 0, 1_795_341_600, 'x']) t.equal(parseOne(changed('message_edited.channel', { timestamp })).message.date, undefined, String(timestamp))
  t.equal(parseOne(changed('message_edited.channel', { timestamp: String(SENT_AT) })).message.date, SENT_AT)
})

t.test('a name is what is there', async t => {
  const named = (sender: object) => parseOne(changed('message_edited.channel', { sender: { user_id: 1, ...sender } })).user
  t.match(named({ name: 'Anna P' }), { name: 'Anna P', lastName: undefined })
  t.match(named({ first_name: 'An\0na', last_name: null }), { name: 'An\ufffdna', lastName: undefined })
})

t.test('an edit that cannot be read names its fields and none of its words', async t => {
  const body = { mid: 'mid', text: 'my password' }
  const cases: [what: string, update: unknown, detail: RegExp][] = [
    ['no time of the event', changed('message_edited.channel', {}, { timestamp: undefined }), /^faulty: \/timestamp$/],
    ['an event far ahead', changed('message_edited.channel', { body }, { timestamp: 9_999_999_999_999 }), /\/timestamp is not a time/],
    ['no id and no chat', changed('message_edited.channel', { body: { text: 'my password' }, recipient: { chat_id: null } }), /\/message\/recipient\/chat_id, \/message\/body\/mid/],
    ['no message', { update_type: 'message_edited', timestamp: SENT_AT }, /^faulty: \/message$/],
    ['a list of updates, as long polling brings it', { updates: [JSON.parse(read('message_edited'))], marker: 1 }, /^faulty: \/update_type$/],
    ['a text too long', changed('message_edited.channel', { body: { mid: 'm', text: 'x'.repeat(100_001) } }), /more than 100000 characters/],
    ['half a JSON', '{"text":"my password', /not JSON/],
  ]
  for (const [what, update, detail] of cases) {
    t.throws(() => parse(update), BadRequest, what)
    t.throws(() => parse(update), { message: detail }, what)
    t.throws(() => parse(update), { message: /^(?!.*password)/s }, what)
  }
})

t.test('other updates are ignored, and tell who the client is', async t => {
  const seen = (name: string) => {
    const { clients, ...rest } = parse(read(name))
    t.match(rest, { edits: [], ignored: [{}] }, name)
    return clients
  }
  t.match(seen('message_created'), [{ user: { id: '40123456', name: 'Анна', lastName: 'Петрова' }, chat: '77001', revision: { at: 1_795_341_600_200, tie: 0n } }])
  t.match(seen('message_callback'), [{ user: { id: '40123456', name: 'Анна' }, chat: '77001' }], 'who pressed, not the bot whose button it is')
  t.match(seen('bot_started'), [{ user: { id: '40123456', name: 'Анна', lastName: 'Петрова' }, chat: '77001' }])
  t.strictSame(seen('message_removed'), [])
  t.match(parse({ update_type: 'ping', timestamp: 0 }), { edits: [], ignored: [{}], clients: [] })
  t.strictSame(seen('comment_edited'), [], 'a comment under a post is in no chat of an open line')
})

t.test('only the secret opens, whole and in the right header', async t => {
  const body = Buffer.from(read('message_edited'))
  const verify = (headers: Record<string, string>, secrets = [SECRET]) => () => { create(...secrets).verify({ method: 'POST', query: '', headers, body }, NOW) }
  t.doesNotThrow(verify({ [HEADER]: SECRET }))
  t.doesNotThrow(verify({ [HEADER]: SECRET }, ['the-next-secret-1234', SECRET]), 'while it rotates')
  for (const headers of [{}, { [HEADER]: '' }, { [HEADER]: SECRET.slice(1) }, { [HEADER]: `${SECRET} ` }, { 'x-telegram-bot-api-secret-token': SECRET }] as Record<string, string>[]) {
    t.throws(verify(headers), Unauthenticated, JSON.stringify(headers))
  }
})

t.test('a secret is what MAX takes, and not too short', async t => {
  for (const secret of [SECRET, 'A'.repeat(16), 'a'.repeat(256)]) t.ok(module.secret.isGood(secret), secret)
  for (const secret of ['', 'a'.repeat(15), 'a'.repeat(257), 'with blanks in between', 'п'.repeat(20)]) t.notOk(module.secret.isGood(secret), secret)
})

t.test('nothing that is posted is more than unreadable', async () => {
  fuzz(body => create(SECRET).parse({ method: 'POST', query: '', headers: {}, body }, NOW), readdirSync(FIXTURES).map(name => read(name.replace('.json', ''))))
})

t.test('through the relay into the portal', async t => {
  // eslint-disable-next-line no-template-curly-in-string -- as it stands in a CHANNELS_FILE
  const { portal, lines, sendOriginal, post, drained, shown } = await startMessengers(t, [{ id: 'max', messenger: 'max', secrets: ['${MAX_SECRET}'] }], { MAX_SECRET: SECRET })
  const sentAt = Date.now() - 60_000
  const edit = (mid: string, afterMs: number, body: object = {}, message: object = {}) =>
    changed('message_edited.channel', { sender: { user_id: 40123456, first_name: 'Анна' }, recipient: { chat_id: 77001 }, timestamp: sentAt, body: { mid, seq: 1, ...body }, ...message }, { timestamp: sentAt + afterMs })
  const send = async (update: unknown) => await post('max', update, { [HEADER]: SECRET })
  const outcomes = () => lines.filter(line => line.event === 'webhook.accepted').flatMap(line => line.edits as { outcome: string, reason?: string }[])
  const original = async (message: string) => { await sendOriginal({ message, chat: '77001', user: '40123456' }) }

  await t.test('an edit shows, and MAX gets a 200', async t => {
    await original('mid.1')
    t.match(await send(edit('mid.1', 1, { text: '[b] 👍 bold', markup: [{ type: 'strong', from: 7, length: 4 }, { type: 'link', from: 0, length: 3 }] })), { status: 200, text: '' })
    t.equal((await shown('mid.1', '[​b] 👍 [B]bold[/B]'))?.text, '[​b] 👍 [B]bold[/B]')
  })

  await t.test('reversed and doubled deliveries leave the newest, numbers beyond 2^53 told apart', async t => {
    await original('mid.2')
    const numbered = (seq: string, text: string) => JSON.stringify(edit('mid.2', 5, { text, seq: 'SEQ' })).replace('"SEQ"', seq)
    const [older, newer] = [numbered('116327994376978687', 'older'), numbered('116327994376978688', 'newer')]
    for (const update of [newer, older, edit('mid.2', 2, { text: 'oldest' }), newer]) t.equal((await send(update)).status, 200)
    t.strictSame(outcomes().slice(-4).map(({ outcome }) => outcome), ['accepted', 'stale', 'stale', 'duplicate'])
    await drained()
    t.strictSame((await shown('mid.2', 'newer'))?.history.map(({ text }) => text), ['original', 'newer'])
  })

  await t.test('an edit of nothing but files shows their addresses', async t => {
    await original('mid.3')
    await send(edit('mid.3', 1, { attachments: [{ type: 'file', filename: 'a.pdf', payload: { url: 'https://fd.oneme.example/5', token: 'file-token' } }] }))
    t.equal((await shown('mid.3', 'a.pdf: https://fd.oneme.example/5'))?.text, 'a.pdf: https://fd.oneme.example/5')
    t.notMatch(JSON.stringify(await portal.messages()), /file-token/)
  })

  await t.test('a bot\'s edit and a post without a name stay away', async t => {
    await original('mid.4')
    await send(edit('mid.4', 1, { text: 'from the bot' }, { sender: { user_id: 1, first_name: 'Shop', is_bot: true } }))
    t.match(outcomes().at(-1), { outcome: 'refused', reason: 'outgoing' })
    await send(edit('mid.4', 2, { text: 'from the channel' }, { sender: null }))
    t.match(outcomes().at(-1), { outcome: 'refused', reason: 'anonymous-user' })
    await drained()
    t.equal((await shown('mid.4', 'original'))?.text, 'original')
  })

  await t.test('an update that cannot be read gets a 200 too, because MAX would end the subscription', async t => {
    t.match(await send({ update_type: 'message_edited', text: 'my password' }), { status: 200, text: '' })
    t.match(outcomes().at(-1), { outcome: 'ignored', reason: 'unreadable' })
    t.match(await send(read('message_removed')), { status: 200, text: '' })
    t.notMatch(JSON.stringify(lines), /my password|max-secret/)
  })

  await t.test('a forgery is refused', async t => {
    t.equal((await post('max', edit('mid.1', 30, { text: 'forged' }), { [HEADER]: `${SECRET}x` })).status, 401)
    t.equal((await post('max', edit('mid.1', 30, { text: 'forged' }))).status, 401)
    await drained()
    t.notMatch(JSON.stringify(await portal.messages('?message=mid.1')), /forged/)
  })
})

import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { z } from 'zod'
import { messageRowId, type ClientProfile } from '../src/edit/edit.ts'
import { BadRequest, ClockUnproven, NotFound, StoreUnavailable, Unauthenticated } from '../src/base/errors.ts'
import { createIntake } from '../src/intake.ts'
import type { WebhookRequest } from '../src/messengers/messenger.ts'
import { messengers } from '../src/messengers/registry.ts'
import { signStandardWebhook } from '../src/signatures/standard-webhooks.ts'
import type { IncomingEdit, IntakeResult } from '../src/outbox/outbox.ts'
import type { SeenProfile } from '../src/outbox/profiles.ts'
import { openStore } from '../src/outbox/open.ts'
import { channel, KEY } from './channel.ts'
import { fixture } from './messengers/fixture.ts'

const NOW = Date.UTC(2026, 10, 22, 10)

/** An intake whose outbox keeps what it is given and answers as a real one does for messages it has never seen. */
function build (changes: { channels?: ReturnType<typeof channel>[], known?: Record<string, ClientProfile>, accept?: (edits: readonly IncomingEdit[]) => Promise<IntakeResult[]>, isProven?: () => boolean } = {}) {
  const kept: IncomingEdit[] = []
  const remembered: SeenProfile[] = []
  const nudges: number[] = []
  const intake = createIntake({
    portal: 'example.bitrix24.ru',
    channels: new Map((changes.channels ?? [channel()]).map(channel => [channel.id, channel])),
    outbox: {
      accept: changes.accept ?? (async edits => {
        kept.push(...edits)
        return edits.map(edit => ({ id: messageRowId(edit.key), ...edit.refusal === null ? { outcome: 'accepted', dueAt: edit.now + edit.settleMs } : { outcome: 'refused', dueAt: null } }))
      }),
    },
    profiles: {
      find: async (_portal, _connector, user) => changes.known?.[user] ?? null,
      remember: async seen => { remembered.push(...seen) },
    },
    now: () => NOW - 5,
    wallTime: () => NOW,
    clock: { isProven: changes.isProven ?? (() => true), time: () => changes.isProven?.() === false ? null : NOW },
    onAccepted: dueAt => { nudges.push(dueAt) },
  })
  const receive = async (channelId: string, request: WebhookRequest) => await intake.accept(intake.verify(channelId, request))
  return { receive, kept, remembered, nudges }
}

function signed (body: string | object) {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return { method: 'POST' as const, query: '', headers: signStandardWebhook(KEY, bytes, NOW), body: bytes }
}

const edit = (text = 'Hello', id = '1001') => ({ user: { id: '42', name: 'Ivan' }, message: { id, text }, chat: { id: 'c' } })
const event = (data: unknown) => signed({ type: 'message.edited', timestamp: NOW / 1000, data })

t.test('an edit is addressed, guarded and kept before the sender is told', async t => {
  const { receive, kept, nudges } = build({ channels: [channel({ ids: { user: 'u{user}', chat: '{chat}', message: '{chat}:{message}' }, line: 3, settleMs: 700 })] })
  const { reply } = await receive('default', event(edit('[b]Hi')))

  const key = { portal: 'example.bitrix24.ru', connector: 'relay_demo', line: 3, chat: 'c', message: 'c:1001' }
  t.match(kept, [{
    key,
    channel: 'default',
    refusal: null,
    now: NOW - 5,
    settleMs: 700,
    edit: { user: { id: 'u42' }, message: { text: '[\u200Bb]Hi' }, revision: { at: NOW, tie: 0n } },
  }])
  t.strictSame(reply, { status: 202, body: { edits: [{ id: messageRowId(key), outcome: 'accepted' }] } })
  t.strictSame(nudges, [NOW - 5 + 700])
})

t.test('an edit that would harm is recorded with its reason, beside others that would not', async t => {
  const { receive, kept, nudges } = build()
  const { reply } = await receive('default', event([edit(' '), edit('ok', '2')]))
  t.match(reply.body, { edits: [{ outcome: 'refused', reason: 'empty-text' }, { outcome: 'accepted' }] })
  t.strictSame(kept.map(edit => edit.refusal), ['empty-text', null])
  t.equal(nudges.length, 1)
})

t.test('the channel decides whether a user may be anonymous', async t => {
  const nameless = event({ ...edit(), user: { id: '42' } })
  const { receive } = build({ channels: [channel(), channel({ id: 'open', allowAnonymous: true })] })
  t.match((await receive('default', nameless)).reply.body, { edits: [{ reason: 'anonymous-user' }] })
  t.match((await receive('open', nameless)).reply.body, { edits: [{ outcome: 'accepted' }] })
})

t.test('nothing to deliver wakes nobody', async t => {
  const { receive, nudges } = build({ accept: async edits => edits.map(edit => ({ id: messageRowId(edit.key), outcome: 'duplicate', dueAt: null })) })
  t.match((await receive('default', event(edit()))).reply.body, { edits: [{ outcome: 'duplicate' }] })
  t.strictSame(nudges, [])
})

t.test('an event of another type is acknowledged and not kept', async t => {
  const { receive, kept } = build()
  t.strictSame((await receive('default', signed({ type: 'ping' }))).reply, { status: 202, body: { edits: [{ outcome: 'ignored' }] } })
  t.strictSame(kept, [])
})

t.test('what is not authentic is not read', async t => {
  const { receive, kept } = build()
  const garbage = { ...signed(''), headers: signStandardWebhook(Buffer.alloc(24), 'garbage', NOW), body: Buffer.from('garbage') }
  await t.rejects(receive('default', garbage), Unauthenticated)
  await t.rejects(receive('elsewhere', event(edit())), NotFound)
  t.strictSame(kept, [])
})

t.test('one faulty edit keeps none of its webhook', async t => {
  const { receive, kept } = build()
  await t.rejects(receive('default', event([edit(), {}])), BadRequest)
  t.strictSame(kept, [])
})

t.test('when the outbox cannot keep it, the sender is not told that it did', async t => {
  const { receive, nudges } = build({ accept: async () => { throw new StoreUnavailable('disk full') } })
  await t.rejects(receive('default', event(edit())), StoreUnavailable)
  t.strictSame(nudges, [])
})

t.test('an edit without a name is completed by the profile that is known, and refused without one', async t => {
  const { receive, kept } = build({ known: { 42: { id: '42', name: 'Ivan', phone: '+7999' } } })
  const nameless = (user: string) => ({ user: { id: user }, message: { id: `m${user}`, text: 'Hello' }, chat: { id: 'c' } })
  const { reply } = await receive('default', event([nameless('42'), nameless('43')]))
  t.match(reply.body, { edits: [{ outcome: 'accepted' }, { outcome: 'refused', reason: 'anonymous-user' }] })
  t.strictSame(kept[0]?.edit.user, { id: '42', name: 'Ivan', phone: '+7999' })
})

t.test('a client is remembered from any event that describes him, as an edit of him would be addressed', async t => {
  const { receive, remembered } = build({ channels: [channel({ ids: { user: '{chat}/{user}', chat: '{chat}', message: '{message}' }, userFields: ['name'] })] })
  const created = (data: unknown) => signed({ type: 'message.created', timestamp: NOW / 1000 - 60, data })
  await receive('default', created({ user: { id: 7, name: '[b]Ann', phone: '1' }, chat: { id: 'c' }, message: { id: 1, text: 'Hi' } }))
  t.match(remembered, [{ portal: 'example.bitrix24.ru', connector: 'relay_demo', profile: { id: 'c/7', name: '[\u200Bb]Ann' }, revision: { at: NOW - 60_000, tie: 0n }, now: NOW - 5 }])
  t.equal(remembered[0]?.profile.phone, undefined)
  await receive('default', created({ user: { id: 8, name: 'Without a chat' } }))
  await receive('default', created([{ user: 'nonsense' }, null, 7]))
  t.equal(remembered.length, 1, 'what cannot be read or addressed is passed over')
})

t.test('when a client was seen is a time that can be kept, whatever the event says', async t => {
  const { receive, remembered } = build()
  for (const date of [-9e15, -1e300, 1e300, NOW + 60_000, NOW - 0.4, NOW - 1]) await receive('default', signed({ type: 'message.created', data: { user: { id: '42', name: 'Ivan' }, message: { date } } }))
  t.strictSame(remembered.map(({ revision }) => revision.at), [0, 0, NOW, NOW, NOW, NOW - 1])
})

t.test('an event from the future, or from before all time, does not outlast a later one', async t => {
  const portal = 'example.bitrix24.ru'
  const store = await openStore({ databaseUrl: `file:${join(t.testdir(), 'relay.db')}`, encryptionKey: null, now: () => NOW })
  t.teardown(() => store.close())
  let time = NOW
  const intake = createIntake({ portal, channels: new Map([['default', channel()]]), outbox: store.outbox, profiles: store.profiles, now: () => NOW, wallTime: () => time, clock: { isProven: () => true, time: () => time }, onAccepted: () => {} })
  const hear = async (name: string, date: number) => {
    time += 1000
    await intake.accept(intake.verify('default', signed({ type: 'message.created', data: { user: { id: '42', name }, message: { date } } })))
    return (await store.profiles.find(portal, 'relay_demo', '42'))?.name
  }
  t.equal(await hear('of the past', -1e300), 'of the past')
  t.equal(await hear('of tomorrow', NOW + 24 * 3600_000), 'of tomorrow')
  t.equal(await hear('of the end of time', 1e300), 'of the end of time')
  t.equal(await hear('of the present', NOW + 4000), 'of the present')
})

t.test('a time in fractions of a millisecond is kept in whole ones', async t => {
  const waha = channel({ messenger: 'waha', secrets: ['a-key-of-the-tests'], settings: { messageIds: 'full', idSuffix: 'keep' } })
  const { receive, remembered } = build({ channels: [waha] })
  const body = fixture('waha/message', { 'payload.timestamp': NOW / 1000 - 60.0004 })
  const headers = { 'x-webhook-hmac': createHmac('sha512', 'a-key-of-the-tests').update(body).digest('hex') }
  await receive('default', { method: 'POST', query: '', headers, body })
  t.match(remembered, [{ profile: { name: 'Anna P.' }, revision: { at: NOW - 60_000 } }])
})

t.test('the operator\'s own edit is refused', async t => {
  const { receive } = build()
  const own = { ...edit(), message: { id: '1', text: 'Hello', direction: 'out' } }
  t.match((await receive('default', event(own))).reply.body, { edits: [{ outcome: 'refused', reason: 'outgoing' }] })
})

t.test('the author of a message is known to the channel that saw it, and a newer message with the same id replaces it', async t => {
  const store = await openStore({ databaseUrl: `file:${join(t.testdir(), 'relay.db')}`, encryptionKey: null, now: () => NOW })
  t.teardown(() => store.close())
  const settings = messengers.custom.keys
  const shop = (id: string) => channel({
    id,
    messenger: 'custom',
    secrets: ['a-secret-of-the-shop'],
    settings: z.object(settings).parse({
      verify: { kind: 'bearer' },
      filter: 'edited = true',
      map: '{ "user": { "name": "Anna" }, "message": { "id": id, "text": "Two", "edited_at": $receivedAt, "seen": true } }',
      client: '{ "user": { "id": user }, "chat": { "id": chat }, "message": { "id": id, "date": date } }',
    }),
  })
  const { outbox, profiles } = store
  const intake = createIntake({ portal: 'example.bitrix24.ru', channels: new Map([['a', shop('a')], ['b', shop('b')]]), outbox, profiles, now: () => NOW, wallTime: () => NOW, clock: { isProven: () => true, time: () => NOW }, onAccepted: () => {} })
  const post = async (id: string, body: object) => {
    const request = { method: 'POST' as const, query: '', headers: { authorization: 'Bearer a-secret-of-the-shop' }, body: Buffer.from(JSON.stringify(body)) }
    const { edits } = await intake.accept(intake.verify(id, request))
    return edits.map(({ edit, result }) => edit === null ? result.reason : `${edit.user.id} ${edit.chat.id} ${edit.direction}`)
  }
  const date = NOW / 1000
  t.strictSame(await post('a', { edited: true, id: 'm1' }), ['unreadable'])
  await post('a', { id: 'm1', user: 'u1', chat: 'c1', date })
  await post('a', { id: 'm2', user: 'u2', date: date - 20 })
  t.strictSame(await post('a', { edited: true, id: 'm1' }), ['u1 c1 in'])
  t.strictSame(await post('a', { edited: true, id: 'm2' }), ['u2 u2 in'], 'without a chat it is the client\'s')
  t.strictSame(await post('b', { edited: true, id: 'm1' }), ['unreadable'], 'another channel')
  await post('a', { id: 'm1', user: 'late', chat: 'late', date: date - 60 })
  t.strictSame(await post('a', { edited: true, id: 'm1' }), ['u1 c1 in'])
  await post('a', { id: 'm2', user: 'u3', chat: 'c3', date: date - 10 })
  t.strictSame(await post('a', { edited: true, id: 'm2' }), ['u3 c3 in'])
  while (await profiles.prune(NOW + 1, 10) > 0);
  t.strictSame(await post('a', { edited: true, id: 'm1' }), ['unreadable'], 'after its retention')
})

t.test('while our clock is unproven, a time that it finds impossible keeps the whole webhook away, also in front of a connector', async t => {
  let isProven = false
  const upstream = { url: 'https://connector.example/', edits: false, handshakes: true, privateRanges: [], timeoutMs: 1000 }
  const meta = channel({ id: 'meta', messenger: 'meta', secrets: ['meta-secret'], settings: { verifyToken: 'x' } })
  const { receive, kept, remembered } = build({ isProven: () => isProven, channels: [channel(), channel({ id: 'front', upstream }), meta] })
  const ahead = NOW / 1000 + 2 * 86_400
  const one = event({ ...edit(), message: { id: '1', text: 'Hello', edited_at: ahead } })
  const batch = event([edit(), { ...edit(), message: { id: '2', text: 'Hello', edited_at: ahead } }])
  const body = Buffer.from(JSON.stringify({ object: 'whatsapp_business_account', entry: [{ id: '1', changes: [{ field: 'messages', value: { metadata: { phone_number_id: '1' }, contacts: [{ wa_id: '7', profile: { name: 'Ann' } }], messages: [NOW / 1000, ahead].map((timestamp, index) => ({ from: '7', id: `w${index}`, timestamp: String(timestamp), type: 'edit', edit: { original_message_id: `o${index}`, message: { type: 'text', text: { body: 'Hello' } } } })) } }] }] }))
  const metaBatch: WebhookRequest = { method: 'POST', query: '', headers: { 'x-hub-signature-256': `sha256=${createHmac('sha256', 'meta-secret').update(body).digest('hex')}` }, body }
  for (const [channelId, request] of [['default', one], ['default', batch], ['front', one], ['front', batch], ['meta', metaBatch]] as const) {
    await t.rejects(receive(channelId, request), ClockUnproven, channelId)
  }
  t.strictSame([kept, remembered], [[], []])

  isProven = true
  await t.rejects(receive('default', one), BadRequest)
  t.match(await receive('front', one), { kind: 'events', edits: [{ result: { outcome: 'ignored', reason: 'unreadable' } }] })
  t.match((await receive('meta', metaBatch)).edits.map(({ result }) => result.outcome), ['accepted', 'ignored'])
})

t.test('until the portal has told its time nothing is too old: the call decides', async t => {
  let isProven = false
  const { receive, kept } = build({ isProven: () => isProven })
  const old = event({ ...edit(), message: { id: '1', text: 'Hello', date: NOW / 1000 - 4 * 86_400 } })
  await receive('default', old)
  isProven = true
  await receive('default', old)
  t.strictSame(kept.map(({ refusal }) => refusal), [null, 'too-old'])
})

import t from 'tap'
import { messageRowId } from '../../src/edit/edit.ts'
import { BadRequest, NotFound, StoreUnavailable, Unauthenticated } from '../../src/base/errors.ts'
import { createIntake } from '../../src/intake.ts'
import { signStandardWebhook } from '../../src/signatures/standard-webhooks.ts'
import type { IncomingEdit, IntakeResult } from '../../src/outbox/outbox.ts'
import type { IncomingWebhook } from '../../src/forward/request.ts'
import { createForwarder } from '../../src/forward/forward.ts'
import type { Passage } from '../../src/forward/connector.ts'
import { channel, KEY } from '../channel.ts'

const NOW = Date.UTC(2026, 10, 22, 10)

const arrival = { rawHeaders: [], httpVersion: '1.1', address: '192.0.2.7', host: 'relay.example', protocol: 'https' }

const upstream = { url: 'https://connector.example/', edits: false, handshakes: false, privateRanges: [], timeoutMs: 1000 }

const answered: Passage = { outcome: 'answered', status: 200, headers: { 'content-type': 'text/plain' }, body: Buffer.from('theirs'), durationMs: 1 }

/** A channel in front of a connector that notes what reaches it, and when. */
function build (changes: { front?: { edits?: boolean, handshakes?: boolean }, passage?: Passage, accept?: (edits: readonly IncomingEdit[]) => Promise<IntakeResult[]> } = {}) {
  const events: string[] = []
  const intake = createIntake({
    portal: 'example.bitrix24.ru',
    channels: new Map([['front', channel({ id: 'front', upstream: { ...upstream, ...changes.front } })], ['alone', channel({ id: 'alone' })]]),
    outbox: {
      accept: changes.accept ?? (async edits => {
        events.push('kept')
        return edits.map(edit => ({ id: messageRowId(edit.key), ...edit.refusal === null ? { outcome: 'accepted', dueAt: edit.now + edit.settleMs } : { outcome: 'refused', dueAt: null } }))
      }),
    },
    profiles: { find: async () => null, remember: async () => { events.push('remembered') } },
    now: () => NOW,
    wallTime: () => NOW,
    clock: { isProven: () => true, time: () => NOW },
    onAccepted: () => {},
  })
  const connector = {
    pass: async () => {
      events.push('passed')
      return changes.passage ?? answered
    },
  }
  const forwarder = createForwarder(connector, { ...upstream, ...changes.front }, ({ outcome }) => { events.push(`front ${outcome}`) })
  /** As the route does. */
  async function receive (id: string, request: IncomingWebhook) {
    const receipt = await intake.accept(intake.verify(id, request))
    const forwarded = id === 'front' ? await forwarder.forward(request, receipt.kind) : null
    return { ...receipt, reply: forwarded?.reply ?? receipt.reply, forwarded: forwarded?.passage }
  }
  return { receive, events }
}

function incoming (event: unknown, changes: Partial<IncomingWebhook> = {}): IncomingWebhook {
  const body = Buffer.from(typeof event === 'string' ? event : JSON.stringify(event))
  return { method: 'POST', query: '', headers: signStandardWebhook(KEY, body, NOW), body, arrival, ...changes }
}

const edits = (...texts: string[]) => incoming({ type: 'message.edited', timestamp: NOW, data: texts.map(text => ({ user: { id: 1, name: 'Ann' }, message: { id: text, text }, chat: { id: 'c' } })) })

const other = incoming({ type: 'message.created', timestamp: NOW, data: { user: { id: 1, name: 'Ann' }, chat: { id: 'c' } } })

t.test('an event goes on after what it says is kept, and the answer is the connector\'s', async t => {
  const { receive, events } = build()
  const receipt = await receive('front', other)
  t.match(receipt, { reply: { status: 200, headers: { 'content-type': 'text/plain' }, body: Buffer.from('theirs') }, edits: [{ result: { outcome: 'ignored' } }], forwarded: { outcome: 'answered' } })
  t.strictSame(events, ['remembered', 'passed', 'front answered'])
})

t.test('edits stay, whatever becomes of them, unless the connector wants them', async t => {
  const { receive, events } = build()
  t.match(await receive('front', edits('a', ' ')), { reply: { status: 202, body: { edits: [{ outcome: 'accepted' }, { outcome: 'refused' }] } }, forwarded: undefined })
  t.match(await receive('front', edits(' ')), { reply: { status: 202 }, forwarded: undefined })
  t.strictSame(events, ['kept', 'kept'])
  const wanting = build({ front: { edits: true } })
  t.match(await wanting.receive('front', edits(' ')), { reply: { body: Buffer.from('theirs') }, forwarded: {} })
  t.strictSame(wanting.events, ['kept', 'passed', 'front answered'])
})

t.test('what cannot be kept goes nowhere, so that its repetition finds nothing done', async t => {
  const { receive, events } = build({ front: { edits: true }, accept: async () => { throw new StoreUnavailable('disk full') } })
  await t.rejects(receive('front', edits('a')), StoreUnavailable)
  t.strictSame(events, [])
})

t.test('what is not authentic goes nowhere', async t => {
  const { receive, events } = build({ front: { edits: true, handshakes: true } })
  await t.rejects(receive('front', { ...other, headers: {} }), Unauthenticated)
  await t.rejects(receive('elsewhere', other), NotFound)
  t.strictSame(events, [])
})

t.test('what is authentic and unreadable is refused where nobody else could read it', async t => {
  const { receive, events } = build()
  for (const body of ['{', '"text"', { type: 'message.edited', data: [{}] }]) {
    t.match(await receive('front', incoming(body)), { edits: [{ result: { outcome: 'ignored', reason: 'unreadable' } }], forwarded: {} })
    await t.rejects(receive('alone', incoming(body)), BadRequest)
  }
  t.equal(events.filter(event => event === 'passed').length, 3)
})

t.test('handshakes are answered by the relay, or all by the connector', async t => {
  for (const handshakes of [false, true]) {
    const { receive } = build({ front: { handshakes } })
    const asked = receive('front', incoming('', { method: 'GET' }))
    if (handshakes) t.match(await asked, { kind: 'handshake', reply: { body: Buffer.from('theirs') } })
    else await t.rejects(asked, NotFound, 'a generic channel asks nothing')
  }
  const forwarder = (handshakes: boolean) => createForwarder({ pass: async () => answered }, { edits: false, handshakes }, () => {})
  t.equal(await forwarder(false).forward(incoming(''), 'handshake'), null)
  t.match(await forwarder(true).forward(incoming(''), 'handshake'), { reply: { body: Buffer.from('theirs') } })
})

t.test('each failure has its status, and a messenger is told when to come back', async t => {
  const cases: [outcome: Exclude<Passage['outcome'], 'answered'>, status: number, retryAfter: string | undefined][] = [
    ['unreachable', 502, undefined], ['timeout', 502, undefined], ['broken', 502, undefined], ['busy', 503, '5'], ['stopped', 503, '5'], ['loop', 508, undefined],
  ]
  for (const [outcome, status, retryAfter] of cases) {
    const { receive } = build({ passage: { outcome, cause: 'SECRET_CAUSE', durationMs: 1 } })
    const { reply } = await receive('front', other)
    t.equal(reply.status, status, outcome)
    t.strictSame([reply.headers?.['content-type'], reply.headers?.['retry-after']], ['application/problem+json', retryAfter])
    t.match(JSON.parse(String(reply.body)), { status, title: String, detail: String })
    t.notMatch(String(reply.body), /SECRET_CAUSE/)
  }
})

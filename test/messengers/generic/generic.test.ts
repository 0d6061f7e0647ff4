import t from 'tap'
import { BadRequest, Unauthenticated } from '../../../src/base/errors.ts'
import { generic as module } from '../../../src/messengers/generic/generic.ts'
import { generateSecret, readSecret, signStandardWebhook } from '../../../src/signatures/standard-webhooks.ts'

const NOW = Date.UTC(2026, 10, 22, 10)
const SENT_AT_S = NOW / 1000
const DAY_S = 24 * 60 * 60
const generic = create()

function create (...secrets: string[]) {
  return module.create({ secrets, settings: {} })
}

function request (body: Buffer, headers: Record<string, string> = {}) {
  return { method: 'POST' as const, query: '', headers, body }
}

type Json = Record<string, unknown>

function edit (message: Json = {}, rest: { user?: Json, chat?: Json } = {}): Json {
  return {
    user: { id: '42', name: 'Ivan', ...rest.user },
    message: { id: '1001', text: 'Hello', ...message },
    chat: { id: 'channel-123', ...rest.chat },
  }
}

function event (data: unknown, envelope: Json = { timestamp: '2026-11-22T10:00:00Z' }): Json {
  return { type: 'message.edited', ...envelope, data }
}

function parseBody (body: string | Buffer) {
  return generic.parse(request(Buffer.from(body)), NOW)
}

function parseOne (data: unknown, envelope?: Json) {
  const content = parseBody(JSON.stringify(event(data, envelope)))
  if (content.edits.length !== 1 || content.edits[0] === undefined) throw new Error('not one edit')
  return content.edits[0]
}

function faultsOf (body: unknown): string[] {
  try {
    parseBody(typeof body === 'string' ? body : JSON.stringify(body))
  } catch (error) {
    if (error instanceof BadRequest) return error.faults.map(fault => fault.pointer)
    throw error
  }
  return ['it was taken']
}

t.test('every field is read', async t => {
  t.strictSame(parseOne({
    user: { id: '42', name: 'Ivan', last_name: 'Petrov', picture: { url: 'https://e.com/a.png' }, url: 'https://e.com/42', sex: 'male', email: 'i@e.com', phone: '+7 900' },
    message: {
      id: '1001', date: 1773266050, edited_at: 1773266099, revision: 7, direction: 'in', text: '[b]Hi', format: 'plain', files: [{ url: 'https://e.com/f?a[1]', name: 'spec.pdf' }, { url: 'http://e.com/g' }],
    },
    chat: { id: 'channel-123', name: 'Support', url: 'https://e.com/c' },
  }), {
    direction: 'in',
    user: { id: '42', name: 'Ivan', lastName: 'Petrov', pictureUrl: 'https://e.com/a.png', url: 'https://e.com/42', gender: 'male', email: 'i@e.com', phone: '+7 900' },
    message: {
      id: '1001', date: 1773266050000, text: '[\u200Bb]Hi', files: [{ url: 'https://e.com/f?a[1]', name: 'spec.pdf' }, { url: 'http://e.com/g' }],
    },
    chat: { id: 'channel-123', name: 'Support', url: 'https://e.com/c' },
    revision: { at: 1773266099000, tie: 7n },
  })
})

t.test('what is left out, or null, stays absent', async t => {
  const absent = parseOne(edit())
  t.equal(JSON.stringify(absent.user), '{"id":"42","name":"Ivan"}')
  t.strictSame(absent, parseOne(edit({ date: null, edited_at: null, revision: null, format: null, files: null },
    { user: { last_name: null, picture: null, url: null, sex: null, email: null, phone: null }, chat: { name: null, url: null } })))
  t.equal(parseOne(edit({}, { user: { picture: { url: null } } })).user.pictureUrl, undefined)
})

t.test('names and profile are passed on as given', async t => {
  t.match(parseOne(edit({}, { user: { name: ' Ivan 🦊 [b]', last_name: '', url: '' } })).user, { name: ' Ivan 🦊 [b]', lastName: '', url: '' })
})

t.test('ids may be strings or integers', async t => {
  t.equal(parseOne(edit({ id: 1001 })).message.id, '1001')
  t.equal(parseOne(edit({ id: Number.MAX_SAFE_INTEGER })).message.id, '9007199254740991')
  t.equal(parseOne(edit({ id: -100 })).message.id, '-100')
  t.equal(parseOne(edit({ id: ' 01e3 ' })).message.id, ' 01e3 ')
  t.equal(parseOne(edit({ id: '🙂'.repeat(1000) })).message.id.length, 2000)
})

t.test('times may be seconds, milliseconds or ISO 8601', async t => {
  for (const time of [1773266050, 1773266050000, '2026-03-11T21:54:10Z', '2026-03-12T00:54:10.000+03:00']) {
    t.match(parseOne(edit({ date: time, edited_at: time })), { message: { date: 1773266050000 }, revision: { at: 1773266050000 } }, String(time))
  }
  t.equal(parseOne(edit({ edited_at: 1773266050.123 })).revision.at, 1773266050123)
})

t.test('an edit is as new as its edited_at, else as its envelope', async t => {
  t.equal(parseOne(edit()).revision.at, NOW)
  t.equal(parseOne(edit({ edited_at: SENT_AT_S - 5 })).revision.at, NOW - 5000)
  t.equal(parseOne(edit({ edited_at: SENT_AT_S - 5 }), {}).revision.at, NOW - 5000)
})

t.test('a revision is an exact 64-bit integer', async t => {
  t.equal(parseOne(edit()).revision.tie, 0n)
  t.equal(parseOne(edit({ revision: '9223372036854775807' })).revision.tie, 9223372036854775807n)
  t.equal(parseOne(edit({ revision: '-9223372036854775808' })).revision.tie, -9223372036854775808n)
  for (const revision of ['9223372036854775808', '-9223372036854775809', 2 ** 53, 1.5, '1.5', '', 'x', '0x10', [], true]) {
    t.strictSame(faultsOf(event(edit({ revision }))), ['/data/message/revision'], JSON.stringify(revision))
  }
})

t.test('gender is read as sex, and unknown values are dropped', async t => {
  t.equal(parseOne(edit({}, { user: { gender: 'female' } })).user.gender, 'female')
  t.equal(parseOne(edit({}, { user: { sex: 'male', gender: 'female' } })).user.gender, 'male')
  for (const sex of ['x', '', 1, {}]) t.equal(parseOne(edit({}, { user: { sex } })).user.gender, undefined)
})

t.test('BB code of a trusted sender acts', async t => {
  t.equal(parseOne(edit({ text: '[b]x[/b]', format: 'bbcode' })).message.text, '[b]x[/b]')
})

t.test('a list is read in its order, up to a hundred edits', async t => {
  const content = parseBody(JSON.stringify(event(Array.from({ length: 100 }, (_, index) => edit({ id: index })))))
  t.strictSame(content.edits.map(edit => edit.message.id), Array.from({ length: 100 }, (_, index) => String(index)))
  t.strictSame(faultsOf(event(Array(101).fill(edit()))), ['/data'])
  t.strictSame(faultsOf(event(Array(100_000).fill({}))), ['/data'])
  t.strictSame(faultsOf(event([])), ['/data'])
})

t.test('an event of another type is ignored, whatever it holds', async t => {
  for (const body of [{ type: 'message.created' }, { type: '', data: null }, { type: 'ping', timestamp: 'x', data: [1] }]) {
    t.match(parseBody(JSON.stringify(body)), { edits: [], ignored: [{}] })
  }
})

t.test('each faulty field is named', async t => {
  const cases: [what: string, body: unknown, pointers: string[]][] = [
    ['no type', { data: edit() }, ['/type']],
    ['a type that is no string', { type: 1, data: edit() }, ['/type']],
    ['no data', event(undefined), ['/data']],
    ['data that is no object', event('x'), ['/data']],
    ['no user, message and chat', event({}), ['/data/user', '/data/message', '/data/chat']],
    ['no ids', event({ user: {}, message: { text: 'x' }, chat: {} }), ['/data/user/id', '/data/message/id', '/data/chat/id']],
    ['an empty id', event(edit({ id: '' })), ['/data/message/id']],
    ['an id of 10,000 characters', event(edit({}, { chat: { id: 'x'.repeat(10_000) } })), ['/data/chat/id']],
    ['an id of 1,001 characters', event(edit({}, { user: { id: '🙂'.repeat(1001) } })), ['/data/user/id']],
    ['an id that JSON has rounded', `{"type":"message.edited","timestamp":${SENT_AT_S},"data":{"user":{"id":9007199254740993,"name":"I"},"message":{"id":1,"text":"x"},"chat":{"id":1}}}`, ['/data/user/id']],
    ['ids of other types', event({ user: { id: null }, message: { id: 1.5, text: 'x' }, chat: { id: [1] } }), ['/data/user/id', '/data/message/id', '/data/chat/id']],
    ['neither text nor files', event(edit({ text: undefined })), ['/data/message/text']],
    ['neither text nor files, in a list', event([edit(), edit({ text: null, files: [] })]), ['/data/1/message/text']],
    ['a text that is no string', event(edit({ text: ['x'] })), ['/data/message/text']],
    ['a text too long', event(edit({ text: 'x'.repeat(100_001) })), ['/data/message/text']],
    ['an unknown format', event(edit({ format: 'markdown' })), ['/data/message/format']],
    ['a date before 2000', event(edit({ date: 946684799 })), ['/data/message/date']],
    ['a negative date', event(edit({ date: -1 })), ['/data/message/date']],
    ['a date more than a day ahead', event(edit({ date: SENT_AT_S + DAY_S + 1 })), ['/data/message/date']],
    ['an edit more than a day ahead', event(edit({ edited_at: SENT_AT_S + DAY_S + 1 })), ['/data/message/edited_at']],
    ['an envelope more than a day ahead', event(edit(), { timestamp: SENT_AT_S + DAY_S + 1 }), ['/timestamp']],
    ['a date that is none', event(edit({ date: '2026-02-30T00:00:00Z' })), ['/data/message/date']],
    ['a date without a time zone', event(edit({ date: '2026-02-20T00:00:00' })), ['/data/message/date']],
    ['a date in words', event(edit({ date: 'now', edited_at: {} })), ['/data/message/date', '/data/message/edited_at']],
    ['a date beyond numbers', '{"type":"message.edited","timestamp":1e400,"data":' + JSON.stringify(edit()) + '}', ['/timestamp']],
    ['no time at all', event(edit(), {}), ['/data/message/edited_at']],
    ['U+0000 in a text', event(edit({ text: 'a\0b' })), ['/data/message/text']],
    ['U+0000 in an id and in a name', event(edit({ id: '\0' }, { user: { name: '\0' } })), ['/data/user/name', '/data/message/id']],
    ['half of a surrogate pair', event(edit({ text: '\ud83d' })), ['/data/message/text']],
    ['half of a surrogate pair in an id', event(edit({}, { chat: { id: 'x\udc00' } })), ['/data/chat/id']],
    ['a file without a URL', event(edit({ files: [{ name: 'x' }] })), ['/data/message/files/0/url']],
    ['a file by another scheme', event(edit({ files: [{ url: 'file:///etc/passwd' }] })), ['/data/message/files/0/url']],
    ['a file with a broken URL', event(edit({ files: [{ url: 'https://' }] })), ['/data/message/files/0/url']],
    ['too many files', event(edit({ files: Array(21).fill({ url: 'https://e.com' }) })), ['/data/message/files']],
    ['a picture by another scheme', event(edit({}, { user: { picture: { url: 'javascript:alert(1)' } } })), ['/data/user/picture/url']],
    ['a name too long', event(edit({}, { user: { name: 'x'.repeat(1001) } })), ['/data/user/name']],
  ]
  for (const [what, body, pointers] of cases) t.strictSame(faultsOf(body), pointers, what)
})

t.test('an edit a day ahead is still taken', async t => {
  t.equal(parseOne(edit({ edited_at: SENT_AT_S + DAY_S })).revision.at, NOW + DAY_S * 1000)
})

t.test('faults say what to change, and are not endless', async t => {
  t.throws(() => parseBody(JSON.stringify(event(edit({ date: 'now' })))), new BadRequest('faulty: /data/message/date', [
    { pointer: '/data/message/date', detail: 'must be Unix seconds, Unix milliseconds, or ISO 8601 with a time zone' },
  ]))
  t.equal(faultsOf(event(Array(100).fill({}))).length, 20)
})

t.test('what is not a JSON object is refused', async t => {
  const bodies: [string, string | Buffer][] = [
    ['nothing', ''], ['text', 'hello'], ['half a JSON', '{"type":'], ['a list', '[]'], ['null', 'null'], ['a string', '"message.edited"'], ['a number', '1'],
    ['a body that is not UTF-8', Buffer.from([...Buffer.from('{"type":"'), 0xff, ...Buffer.from('"}')])],
    ['U+0000 between tokens', '{"type":\0"x"}'],
    ['a key of the prototype', '{"type":"message.edited","__proto__":{"data":1}}'],
    ['a key of the prototype in disguise', '{"type":"message.edited","data":{"\\u005f_proto__":{}}}'],
    ['a constructor\'s prototype', '{"type":"x","constructor":{"prototype":{}}}'],
    ['deep nesting of lists', '['.repeat(500_000)],
    ['deep nesting of closed lists', '['.repeat(500_000) + ']'.repeat(500_000)],
    ['deep nesting of objects', '{"a":'.repeat(200_000) + '1' + '}'.repeat(200_000)],
    ['deep nesting inside the data', `{"type":"message.edited","data":${'['.repeat(400_000)}${']'.repeat(400_000)}}`],
  ]
  for (const [what, body] of bodies) t.throws(() => parseBody(body), BadRequest, what)
})

t.test('a refusal does not quote the body', async t => {
  t.throws(() => parseBody('{"text":"my password'), { message: /^(?!.*password)/ })
})

t.test('a byte order mark does no harm', async t => {
  t.strictSame(parseBody('\ufeff{"type":"x"}'), { edits: [], ignored: [{}], clients: [] })
})

t.test('the channel\'s secrets decide who is believed', async t => {
  const secret = generateSecret()
  const body = Buffer.from('{}')
  const headers = signStandardWebhook(readSecret(secret) ?? Buffer.alloc(0), body, NOW)
  t.doesNotThrow(() => create(generateSecret(), secret).verify(request(body, headers), NOW))
  t.throws(() => create(generateSecret()).verify(request(body, headers), NOW), Unauthenticated)
  t.throws(() => generic.verify(request(body, headers), NOW), Unauthenticated)
})

t.test('the sender is told what became of each edit', async t => {
  t.strictSame(generic.reply([{ id: 'x', outcome: 'accepted' }]), { status: 202, body: { edits: [{ id: 'x', outcome: 'accepted' }] } })
})

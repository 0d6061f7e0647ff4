import t from 'tap'
import { createIdMask, createLog } from '../../src/base/log.ts'

function capture (level = 'info') {
  const lines: Array<Record<string, unknown>> = []
  return { log: createLog(level, { write: line => { lines.push(JSON.parse(line)) } }), lines }
}

t.test('a line has its time, its level and its fields', async t => {
  const { log, lines } = capture()
  log.info({ event: 'webhook.accepted', edits: [{ id: 'x' }] }, 'webhook.accepted')
  log.debug('not shown')
  t.match(lines, [{ level: 30, time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, event: 'webhook.accepted', edits: [{ id: 'x' }], msg: 'webhook.accepted' }])
  t.equal(lines.length, 1)
})

t.test('secrets and texts are hidden wherever they stand', async t => {
  const { log, lines } = capture()
  const fields = {
    headers: { authorization: 'hush', host: 'h' },
    body: 'hush',
    auth: { any: 'hush' },
    portal: { clientSecret: 'hush', tokens: { accessToken: 'hush' } },
    edits: [{ message: { text: 'hush', id: '1' } }],
    application_token: 'hush',
    AUTH_ID: 'hush',
    secrets: ['hush'],
    token: null,
  }
  log.error(fields, 'x')
  t.notMatch(JSON.stringify(lines), 'hush')
  t.match(lines, [{ headers: { host: 'h' }, edits: [{ message: { id: '1', text: '[hidden]' } }], token: null }])
  t.equal(fields.body, 'hush', 'what was logged is left as it is')
})

t.test('what holds itself is logged, as deep as secrets are looked for', async t => {
  const { log, lines } = capture()
  const fields: Record<string, unknown> = { id: 'x', token: 'hush' }
  fields.again = fields
  log.info(fields, 'x')
  t.match(lines, [{ id: 'x', token: '[hidden]', again: { again: { again: { again: { id: 'x', token: '[hidden]' } } } } }])
})

t.test('an error is logged with its cause and without what was hung on it', async t => {
  const { log, lines } = capture()
  const error = Object.assign(new Error('outer', { cause: Object.assign(new Error('inner'), { code: 'ECONNRESET' }) }), { rawPacket: 'hush' })
  log.error({ err: error }, 'x')
  log.error({ err: 'words' }, 'x')
  t.match(lines, [{ err: { type: 'Error', message: 'outer', stack: /outer/, cause: { message: 'inner', code: 'ECONNRESET' } } }, { err: 'words' }])
  t.notMatch(JSON.stringify(lines), 'hush')
})

t.test('ids are masked by something that others do not know, the same after a restart', async t => {
  const mask = createIdMask([['a']])
  t.match(mask('+79001234567'), /^[\w-]{12}$/)
  t.equal(mask('+79001234567'), createIdMask([['a']])('+79001234567'))
  t.not(mask('+79001234567'), mask('+79001234568'))
  t.not(mask('+79001234567'), createIdMask([['b']])('+79001234567'))
})

import t from 'tap'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { send } from '../../src/cli/send.ts'
import { createLog } from '../../src/base/log.ts'
import { readSecret } from '../../src/signatures/standard-webhooks.ts'
import { KEY, SECRET } from '../channel.ts'
import { buildRelay, edit } from '../relay.ts'

const CLI = join(import.meta.dirname, '../../src/cli.ts')

interface Ended { readonly code: number | null, readonly output: string, readonly errors: string }

async function relay (args: string[], options: { env?: Record<string, string>, input?: string } = {}): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], { env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...options.env } })
  let output = ''
  let errors = ''
  child.stdout.on('data', data => { output += String(data) })
  child.stderr.on('data', data => { errors += String(data) })
  child.stdin.end(options.input ?? '')
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { code, output, errors }
}

t.test('secret prints a secret', async t => {
  const { code, output } = await relay(['secret'])
  t.equal(code, 0)
  t.equal(readSecret(output.trim())?.length, 32)
})

t.test('send signs what a messenger would send, prints the answer, and fails when the relay refuses', async t => {
  const { app, store } = await buildRelay(t, { dependencies: { log: createLog('silent') }, clock: Date.now })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const file = join(t.testdirName, 'edit.json')
  writeFileSync(file, JSON.stringify(edit('from a file')))

  const data = await relay(['send', file], { env: { WEBHOOK_SECRET: SECRET, RELAY_URL: url } })
  t.equal(data.errors, '')
  t.match(data, { code: 0, output: /^202 \{"edits":\[\{"id":"[\w-]{24}","outcome":"accepted"\}\]\}\n$/ })

  const event = { type: 'message.edited', timestamp: new Date().toISOString(), data: [edit('a', 1), edit('b', 2)] }
  const named = await relay(['send', '-', '--url', url, '--channel', 'default', '--secret', SECRET], { input: JSON.stringify(event) })
  t.match(named, { code: 0, output: /^202 .*accepted.*accepted/ })
  t.match(await store.outbox.ledger(), { accepted: 3 })

  t.match(await relay(['send', '-', '--channel', 'other'], { env: { WEBHOOK_SECRET: SECRET, RELAY_URL: url }, input: '{}' }), { code: 1, output: /^404 .*no such channel/ })
  const post = (changes: object) => send({ url, channel: 'default', key: KEY, text: '[]', now: Date.now(), ...changes })
  t.match(await post({ text: JSON.stringify([edit('c', 3)]) }), { status: 202 })
  t.match(await post({ text: '{}' }), { status: 400, answer: /\/data\/user/ })
  t.match(await post({ key: Buffer.alloc(32) }), { status: 401 })
})

t.test('send says what is missing', async t => {
  t.match(await relay(['send', '-'], { input: '{}' }), { code: 1, errors: /no secret: set WEBHOOK_SECRET/ })
  t.match(await relay(['send', '-', '--secret', 'x'], { input: '{}' }), { code: 1, errors: /must be whsec_/ })
  t.match(await relay(['send', 'gone.json'], { env: { WEBHOOK_SECRET: SECRET } }), { code: 1, errors: /ENOENT/ })
  await t.rejects(send({ url: 'http://127.0.0.1:9', channel: 'default', key: KEY, text: '{', now: 0 }), { message: /this is not JSON/ })
})

t.test('doctor fails on a fault and names it', async t => {
  const { code, output } = await relay(['doctor'], { env: { PORT: 'x' } })
  t.equal(code, 1)
  t.match(output, /^fault {2}configuration {2}PORT must be/)
  t.match(output, /BITRIX24_PORTAL_URL is missing/)
})

t.test('doctor succeeds where only time is missing', async t => {
  const env = {
    BITRIX24_PORTAL_URL: 'http://127.0.0.1:9',
    BITRIX24_CONNECTOR: 'relay_demo',
    BITRIX24_LINE: '1',
    WEBHOOK_SECRET: SECRET,
    BITRIX24_CLIENT_ID: 'local.relay',
    BITRIX24_CLIENT_SECRET: 's',
    BITRIX24_REFRESH_TOKEN: 'r',
    DATABASE_URL: `file:${join(t.testdir(), 'relay.db')}`,
  }
  t.match(await relay(['doctor'], { env }), { code: 0, output: /ok {5}configuration .*\nok {5}store .*\nopen {3}events .*\nopen {3}token/, errors: '' })
})

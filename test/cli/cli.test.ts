import t from 'tap'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '../../src/log.ts'
import { readSecret } from '../../src/signatures/standard-webhooks.ts'
import { SECRET } from '../channel.ts'
import { buildRelay, edit } from '../relay.ts'

const CLI = join(import.meta.dirname, '../../src/cli.ts')

interface Ended { readonly code: number | null, readonly output: string, readonly errors: string }

async function relay (args: string[], options: { env?: Record<string, string>, input?: string } = {}): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], { env: { PATH: process.env.PATH, ...options.env } })
  let output = ''
  let errors = ''
  child.stdout.on('data', data => { output += String(data) })
  child.stderr.on('data', data => { errors += String(data) })
  child.stdin.end(options.input ?? '')
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { code, output, errors }
}

t.test('secret prints a new secret each time', async t => {
  const [first, second] = await Promise.all([relay(['secret']), relay(['secret'])])
  t.equal(first.code, 0)
  t.equal(readSecret(first.output.trim())?.length, 32)
  t.not(first.output, second.output)
})

t.test('send signs what a messenger would send, and prints the answer', async t => {
  const { app, store } = await buildRelay(t, { dependencies: { log: createLog('silent') }, clock: Date.now })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const env = { WEBHOOK_SECRET: SECRET, RELAY_URL: url }
  const folder = mkdtempSync(join(tmpdir(), 'imconnector-relay-cli-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'edit.json')
  writeFileSync(file, JSON.stringify(edit('from a file')))

  const data = await relay(['send', file], { env })
  t.equal(data.errors, '')
  t.match(data, { code: 0, output: /^202 \{"edits":\[\{"id":"[\w-]{24}","outcome":"accepted"\}\]\}\n$/ })

  const event = await relay(['send', '-'], { env, input: JSON.stringify({ type: 'message.edited', timestamp: new Date().toISOString(), data: [edit('a', 1), edit('b', 2)] }) })
  t.match(event, { code: 0, output: /^202 .*accepted.*accepted/ })
  t.match(await store.outbox.ledger(), { accepted: 3 })

  const named = await relay(['send', '-', '--url', url, '--channel', 'default', '--secret', SECRET], { input: JSON.stringify([edit('c', 3)]) })
  t.match(named, { code: 0, output: /^202 / })
})

t.test('send fails when the relay refuses', async t => {
  const { app } = await buildRelay(t, { dependencies: { log: createLog('silent') }, clock: Date.now })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const env = { WEBHOOK_SECRET: SECRET, RELAY_URL: url }
  t.match(await relay(['send', '-', '--channel', 'other'], { env, input: '{}' }), { code: 1, output: /^404 .*no such channel/ })
  t.match(await relay(['send', '-'], { env, input: '{}' }), { code: 1, output: /^400 .*\/data\/user/ })
  t.match(await relay(['send', '-'], { env: { ...env, WEBHOOK_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}` }, input: '{}' }), { code: 1, output: /^401 / })
})

t.test('send says what is missing', async t => {
  t.match(await relay(['send', '-'], { input: '{}' }), { code: 1, errors: /there is no secret to sign with/ })
  t.match(await relay(['send', '-'], { env: { WEBHOOK_SECRET: SECRET }, input: '{' }), { code: 1, errors: /this is not JSON/ })
  t.match(await relay(['send', '-', '--secret', 'x'], { input: '{}' }), { code: 1, errors: /must be whsec_/ })
  t.match(await relay(['send', 'gone.json'], { env: { WEBHOOK_SECRET: SECRET } }), { code: 1, errors: /ENOENT/ })
  t.match(await relay(['send', '-'], { env: { WEBHOOK_SECRET: SECRET, RELAY_URL: 'http://127.0.0.1:9' }, input: '{}' }), { code: 1, errors: /fetch failed \(/ })
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
  t.match(await relay(['doctor'], { env }), { code: 0, output: /ok {5}configuration .*\nok {5}store .*\nopen {3}token/, errors: '' })
})

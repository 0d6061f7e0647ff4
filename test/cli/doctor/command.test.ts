import { spawn } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import type { Finding } from '../../../src/cli/doctor/finding.ts'
import { deliver, startExamined } from './examined.ts'

async function run (env: Readonly<Record<string, string>>, ...args: string[]): Promise<{ code: number | null, output: string, errors: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../../src/cli.ts'), 'doctor', ...args], { env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env } })
  let output = ''
  let errors = ''
  child.stdout.on('data', data => { output += String(data) })
  child.stderr.on('data', data => { errors += String(data) })
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { code, output, errors }
}

t.test('the doctor prints a line for each finding, or JSON, and its exit code says whether there is a fault', async t => {
  const { portal, env, run: start } = await startExamined(t)
  await deliver(await start({ SETTLE_MS: '0' }), portal)
  const healthy = await run(env)
  t.match(healthy, { code: 0, errors: '' })
  t.match(healthy.output, /^ok {5}configuration {2}portal .*\n(?:.*\n)*open {3}events {9}PUBLIC_URL is not set.*\n(?:.*\n)*ok {5}line {11}relay_demo is active on line 1\n$/)

  const faulty = await run({ ...env, BITRIX24_LINE: '99' }, '--json')
  t.equal(faulty.code, 1)
  const findings = JSON.parse(faulty.output) as Finding[]
  t.match(findings[0], { state: 'ok', subject: 'configuration', remedy: null })
  t.match(findings.at(-1), { state: 'fault', subject: 'line', words: 'relay_demo is not active on line 99', remedy: /^activate it in the Contact Center/ })
  t.ok(findings.every(({ state, remedy }) => (state === 'ok') === (remedy === null)), 'what is not ok has a remedy')
})

t.test('each fault of the configuration is a finding with its remedy', async t => {
  const { code, output } = await run({ BITRIX24_CONNECTOR: 'x', BITRIX24_LINE: '1', PORT: 'x' }, '--json')
  t.equal(code, 1)
  const findings = JSON.parse(output) as Finding[]
  t.match(findings.map(({ words }) => words), [/^PORT must/, 'there is no channel', 'BITRIX24_PORTAL_URL is missing'])
  t.match(findings.map(({ remedy }) => remedy), ['.env.example explains every variable', /^set WEBHOOK_SECRET/, /^set it to the portal's address/])
})

t.test('a faulty command line is a check that failed, and no fault of the relay', async t => {
  t.match(await run({}, '--jsno'), { code: 2, output: '', errors: "error: unknown option '--jsno'\n(Did you mean --json?)\n" })
  t.match(await run({}, 'now'), { code: 2, output: '', errors: /^error: too many arguments/ })
  t.match(await run({}, '--help'), { code: 0, output: /^Usage: relay doctor/, errors: '' })
})

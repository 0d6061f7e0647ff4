import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'

const program = join(import.meta.dirname, '../../sandbox/server.ts')

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`the process says where it listens and leaves with 0 on ${signal}, hanging calls or not`, { timeout: 20_000 }, async t => {
    const child = spawn(process.execPath, [program], { env: { PORT: '0', SANDBOX_LIMITS: 'off' }, stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'))
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const { value: first } = await lines.next() as { value: string }
    t.match(first, /^sandbox listening on http:\/\/127\.0\.0\.1:\d+$/)
    t.match((await lines.next()).value, /local\.relay .*local\.connector .*limits off/)
    const url = first.replace('sandbox listening on ', '')
    await fetch(`${url}/sandbox/faults`, { method: 'POST', body: '[{"fault":"timeout"}]' })
    const hanging = fetch(`${url}/rest/profile`).then(() => 'answered', () => 'cut')
    for (let calls = 0; calls === 0;) calls = (await (await fetch(`${url}/sandbox/calls`)).json() as unknown[]).length
    const left = once(child, 'exit')
    child.kill(signal)
    t.same(await left, [0, null])
    t.equal(await hanging, 'cut')
  })
}

t.test('a port it cannot have is said in one line', async t => {
  const child = spawn(process.execPath, [program], { env: { PORT: '99999' }, stdio: ['ignore', 'ignore', 'pipe'] })
  const left = once(child, 'exit')
  const lines: string[] = []
  for await (const line of createInterface(child.stderr)) lines.push(line)
  t.match(lines, [/^the sandbox cannot start: .*99999/])
  t.equal(lines.length, 1)
  t.same(await left, [1, null])
})

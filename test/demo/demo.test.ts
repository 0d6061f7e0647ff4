import { spawn, type ChildProcess } from 'node:child_process'
import { on, once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { children, endAlive, noChildren, pressCtrlC } from '../interrupt.ts'
import { eventually } from '../portal.ts'

const root = join(import.meta.dirname, '../..')

/** The demo in a process group of its own, as a terminal has it in its foreground. */
function start (t: Test, flags: readonly string[] = [], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = spawn(process.execPath, [...flags, join(root, 'demo/demo.ts')], { env: { ...process.env, ...env }, detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.exitCode ?? child.kill('SIGKILL'))
  return child
}

t.test('a message that is not in the portal what it should be ends the demo at once, with 1', async t => {
  const story = pathToFileURL(join(root, 'demo/story.ts')).href
  const lost = `import { scenes } from ${JSON.stringify(story)}; scenes[0].edits.pop()`
  const demo = start(t, [`--import=data:text/javascript,${encodeURIComponent(lost)}`])
  const [printed, [code]] = await Promise.all([text(demo.stdout as NodeJS.ReadableStream), once(demo, 'exit')])
  t.equal(code, 1)
  t.match(printed, /^m-1 .*WRONG: Good morning was expected$/m)
  t.equal(printed.match(/ ok$/gm)?.length, 7)
})

t.test('Ctrl-C ends everything: no process, no folder, exit code 0', { skip: noChildren }, async t => {
  const folder = t.testdir()
  const databases = async () => (await readdir(folder)).filter(name => name.startsWith('imconnector-relay-'))
  const demo = start(t, [], { TMPDIR: folder })
  let printed = ''
  // On a busy machine the story takes longer than `eventually` waits.
  for await (const chunk of on(demo.stdout as NodeJS.ReadableStream, 'data')) {
    printed += String(chunk)
    if (printed.includes('Ctrl-C ends everything.')) break
  }
  const processes = children(demo.pid)
  t.equal(processes.length, 2, 'the sandbox and the relay')
  t.equal((await databases()).length, 1)
  const [, console = '', token = ''] = /^Its console +(\S+)\nThe console's token +(\S+)$/m.exec(printed) ?? []
  const signedIn = await fetch(`${console}/sign-in`, { method: 'POST', body: new URLSearchParams({ token, to: '/console/dead' }), headers: { 'sec-fetch-site': 'same-origin' }, redirect: 'manual' })
  const dead = await fetch(`${console}/dead`, { headers: { cookie: String(signedIn.headers.getSetCookie()[0]?.split(';')[0]) } })
  t.match(await dead.text(), /<code>empty-text<[^]*<code>rejected</, 'its token opens its console')
  pressCtrlC(demo)
  t.strictSame(await once(demo, 'exit'), [0, null])
  t.strictSame(endAlive(processes), [])
  t.strictSame(await databases(), [])
})

t.test('Ctrl-C, pressed twice while the first server starts, leaves none behind', { skip: noChildren }, async t => {
  const demo = start(t)
  const exited = once(demo, 'exit')
  const processes = await eventually(async () => children(demo.pid), pids => pids.length > 0)
  pressCtrlC(demo)
  pressCtrlC(demo)
  t.strictSame(await exited, [0, null])
  t.strictSame(endAlive(processes), [])
})

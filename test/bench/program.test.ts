import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { children, endAlive, noChildren, pressCtrlC } from '../interrupt.ts'
import { eventually } from '../portal.ts'

const root = join(import.meta.dirname, '../..')
const url = (path: string): string => JSON.stringify(pathToFileURL(join(root, path)).href)

/** A program that starts a server and goes on as told, in a process group of its own. */
function start (t: Test, then: string, folder: string): ChildProcess {
  const script = `
    import { runProgram } from ${url('bench/program.ts')}
    import { startProcess } from ${url('demo/processes.ts')}
    await runProgram(async () => {
      const server = await startProcess({ script: 'bench/noop.ts', env: {}, readyPath: '/' })
      console.log(server.child.pid)
      ${then}
    })`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { env: { ...process.env, TMPDIR: folder }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.exitCode ?? child.kill('SIGKILL'))
  return child
}

async function folders (folder: string): Promise<string[]> {
  return (await readdir(folder)).filter(name => name.startsWith('imconnector-relay-'))
}

for (const { title, then, code } of [
  { title: 'a program that has measured ends its servers and removes its folder', then: '', code: 0 },
  { title: 'a program that fails does so too, with 1', then: 'throw new Error("too slow")', code: 1 },
]) {
  t.test(title, async t => {
    const folder = t.testdir()
    const program = start(t, then, folder)
    const [[printed], [exitCode]] = await Promise.all([once(program.stdout as NodeJS.ReadableStream, 'data'), once(program, 'exit')])
    t.equal(exitCode, code)
    t.strictSame(endAlive([Number(printed)]), [])
    t.strictSame(await folders(folder), [])
  })
}

t.test('Ctrl-C ends the servers of a program, also one that is only starting', { skip: noChildren }, async t => {
  const folder = t.testdir()
  const program = start(t, `
    await startProcess({ script: 'bench/noop.ts', env: { PORT: '0' }, readyPath: '/', waitMs: 60_000 })`, folder)
  const exited = once(program, 'exit')
  const processes = await eventually(async () => children(program.pid), pids => pids.length === 2)
  t.equal((await folders(folder)).length, 1)
  pressCtrlC(program)
  t.strictSame(await exited, [130, null])
  t.strictSame(endAlive(processes), [])
  t.strictSame(await folders(folder), [])
})

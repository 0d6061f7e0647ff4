import t, { type Test } from 'tap'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ADMIN_TOKEN, edit, startScraped } from '../operations/metrics/running.ts'
import { eventually, original } from '../portal.ts'

const CLIENT = { user: '79161234567', chat: 'chat-4711' }

async function start (t: Test) {
  const { portal, relay, post, ask } = await startScraped(t)
  await (await portal.connector()).send([original('m1', 'original', CLIENT)])
  const run = async (...args: string[]) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/cli.ts'), ...args], { env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, RELAY_URL: relay.url, ADMIN_TOKEN } })
    let output = ''
    child.stdout.on('data', data => { output += String(data) })
    child.stderr.on('data', data => { output += String(data) })
    const code = await new Promise<number | null>(resolve => child.once('close', resolve))
    return { code, output }
  }
  const deliver = async (message: string, text: string): Promise<string> => {
    const { body: { edits: [accepted] } } = await post(edit(message, text))
    await eventually(() => ask(`/api/edits/${accepted?.id}`), ({ body }) => body.state === 'delivered')
    return accepted?.id as string
  }
  return { portal, run, deliver }
}

t.test('verify prints what stands in the portal, and its exit code is the answer', async t => {
  const { portal, run, deliver } = await start(t)
  const id = await deliver('m1', 'the new\ntext \u009b2J')
  t.match(await run('verify', id), { code: 0, output: 'found     yes\nexpected  "the new\\ntext \uFFFD2J"\nshown     "the new\\ntext \uFFFD2J"\nmatches   yes\n' })
  await portal.operatorEdit({ message: 'm1', text: 'another' })
  t.match(await run('verify', id), { code: 1, output: /^found {5}yes\n.*\nshown {5}"another"\nmatches {3}no\nnote {6}it was edited otherwise/ })
  t.match(await run('verify', await deliver('nobody', 'lost')), { code: 1, output: /^found {5}no\nexpected {2}"lost"\nmatches {3}no\nnote {6}the portal has the dialog/ })
  await portal.fault({ method: 'imopenlines.dialog.get', fault: 'reset', times: 1 })
  t.match(await run('verify', id), { code: 2, output: /^found {5}unknown\n.*\nmatches {3}unknown\nnote {6}the portal does not answer/ })
  t.match(await run('verify'), { code: 2, output: "error: missing required argument 'id'\n" })
  t.match(await run('verify', 'unknown'), { code: 2, output: /answered 404: no such edit/ })
})

t.test('ids prints what a channel needs, in a sentence too', async t => {
  const { portal, run } = await start(t)
  const { code, output } = await run('ids', 'chat1767')
  t.equal(code, 0)
  t.match(output, /^dialog {5}chat1767\nconnector {2}relay_demo\nline {7}1\nchat {7}chat-4711\nuser {7}585 /)
  t.match(output, /\nat +by +ids\n20\S+Z +client +m1\n/)
  t.match(output, /set "connector": "relay_demo" and "line": 1, and choose the templates "ids" so that "chat" gives chat-4711 and "message" gives ids such as m1\./)
  await portal.fault({ method: 'imopenlines.session.history.get', fault: { error: 'ACCESS_DENIED', status: 400 }, times: 1 })
  t.match(await run('ids', '1767'), { code: 0, output: /\n\nthe user who has installed the application may not see.*\n\nIn the channel set/ })
  t.match(await run('ids', 'chat9'), { code: 1, output: /answered 404: the portal shows no open line's chat9/ })
})

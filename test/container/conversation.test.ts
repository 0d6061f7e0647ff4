import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { scenes } from '../../demo/story.ts'
import { startSandbox } from '../../sandbox/sandbox.ts'
import { readCompose } from './compose.ts'

t.test('puts the messages into the open line and shows a command that edits the first', async t => {
  const sandbox = await startSandbox()
  t.teardown(sandbox.close)
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, [join(import.meta.dirname, '../../docker/conversation.ts')], { env: { PORT: new URL(sandbox.url).port } })

  const messages = await (await fetch(`${sandbox.url}/sandbox/messages`)).json() as Array<{ message: string, text: string, chat: string, user: string }>
  t.same(messages.map(({ message, text }) => ({ message, text })), scenes.map(({ message, before: text }) => ({ message, text })))

  const [, json = '', profile, service = ''] = /echo '(.+)' \| docker compose --profile (\w+) exec -T ([\w-]+) node src\/cli\.ts send -/.exec(stdout) ?? []
  t.match(JSON.parse(json), { user: { id: messages[0]?.user }, message: { id: messages[0]?.message }, chat: { id: messages[0]?.chat } })
  const { services } = readCompose({})
  t.same(services[service]?.profiles, [profile])
  for (const port of ['4000', '3001']) t.ok(services.sandbox?.ports?.some(mapping => mapping.startsWith(`127.0.0.1:${port}:`)) && stdout.includes(`http://127.0.0.1:${port}`))
})

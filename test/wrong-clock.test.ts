import t, { type Test } from 'tap'
import { writeFileSync } from 'node:fs'
import { sandboxEnv, startRelayProcess, type Running } from '../demo/processes.ts'
import { eventually, original, startPortal } from './portal.ts'

const DAY_MS = 24 * 3600_000
const SECRET = 'telegram-secret-of-the-tests'

/** Relays on one database whose clocks a test sets, one after the other, in front of a portal whose clock is right. */
async function startGround (t: Test) {
  const portal = await startPortal(t)
  const folder = t.testdir({ 'channels.json': JSON.stringify({ channels: [{ id: 'tg', messenger: 'telegram', secrets: [SECRET] }] }) })
  const clockFile = `${folder}/clock.json`
  let turn = 0
  const writeClock = (wallMs: number): void => writeFileSync(clockFile, JSON.stringify({ elapsedMs: 0, wallMs, turn: ++turn }))
  const env = {
    ...sandboxEnv(portal.url),
    DATABASE_URL: `file:${folder}/relay.db`,
    CHANNELS_FILE: `${folder}/channels.json`,
    SETTLE_MS: '0',
    NODE_OPTIONS: `--import=${new URL('../chaos/clock.ts', import.meta.url).href}`,
    CHAOS_CLOCK: clockFile,
  }

  /** The ids are those of the channel's templates: a chat is its own user. */
  const send = async (messages: readonly string[]): Promise<void> => await (await portal.connector()).send(messages.map(id => original(id, 'original', { user: '7', chat: '7' })))

  async function start (wallMs: number) {
    writeClock(wallMs)
    const relay = await startRelayProcess(env)
    t.teardown(() => relay.stop('SIGKILL'))
    return {
      relay,
      async edit (message: string, text: string, editedAt: number, sentAt = Date.now()): Promise<Response> {
        const seconds = (ms: number): number => Math.floor(ms / 1000)
        const update = { update_id: 1, edited_message: { message_id: Number(message), from: { id: 7, first_name: 'Anna', last_name: 'Petrova' }, chat: { id: 7, type: 'private' }, date: seconds(sentAt), edit_date: seconds(editedAt), text } }
        return await fetch(`${relay.url}/webhooks/tg`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': SECRET }, body: JSON.stringify(update) })
      },
      async setClock (wallMs: number): Promise<void> {
        writeClock(wallMs)
        relay.child.kill('SIGWINCH')
        await eventually(async () => relay.output(), output => output.includes(`clock turned ${turn}\n`))
      },
      /** The log's lines of one event, once there are so many. It is written a little later. */
      logged: async (event: string, count = 1) => await eventually(async () => linesOf(relay).filter(line => line.event === event), lines => lines.length >= count),
    }
  }
  const shows = async (message: string, wanted: string) => await eventually(async () => await portal.text(message), text => text === wanted)
  return { portal, send, start, shows }
}

function linesOf (relay: Running): Array<Record<string, unknown>> {
  return relay.output().split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Record<string, unknown>)
}

t.test('a clock that is twenty days ahead for one start ends no edit and brings no older text back', async t => {
  const { portal, send, start, shows } = await startGround(t)
  await send(['1', '2', '3'])
  const first = await start(0)
  await first.edit('1', 'newest', Date.now())
  t.equal(await shows('1', 'newest'), 'newest')
  await portal.fault([{ method: 'imconnector.update.messages', fault: '503', times: 1000 }])
  await first.edit('2', 'waits', Date.now())
  await eventually(async () => await portal.calls(), calls => calls.some(call => call.status === 503))
  await first.relay.stop()
  await portal.fault([])

  const ahead = await start(20 * DAY_MS)
  t.equal(await shows('2', 'waits'), 'waits', 'the portal has told its time, by which the message is young')
  await ahead.edit('3', 'comes meanwhile', Date.now())
  t.equal(await shows('3', 'comes meanwhile'), 'comes meanwhile')
  t.match(await ahead.logged('clock.wrong'), [{ level: 50, aheadS: Number }])
  await ahead.relay.stop()

  const last = await start(0)
  await last.edit('1', 'older, and late', Date.now() - 60_000)
  t.match(await last.logged('webhook.accepted'), [{ edits: [{ outcome: 'stale' }] }])
  t.equal(await portal.text('1'), 'newest')
})

t.test('a clock that is two days behind loses no edit: its sender repeats it until the clock is right', async t => {
  const { send, start, shows } = await startGround(t)
  await send(['1'])
  const { edit, setClock, logged } = await start(-2 * DAY_MS)
  const editedAt = Date.now()
  const refused = await edit('1', 'edited', editedAt)
  t.equal(refused.status, 503)
  t.match(refused.headers.get('retry-after'), /^\d+$/)
  t.match(await refused.json(), { status: 503, detail: /clock/ })
  t.match(await logged('webhook.clock-unproven'), [{ level: 50, channel: 'tg', status: 503 }])

  await setClock(0)
  t.equal((await edit('1', 'edited', editedAt)).status, 200)
  t.equal(await shows('1', 'edited'), 'edited')
  t.equal((await edit('1', 'of next week', Date.now() + 7 * DAY_MS)).status, 200, 'the portal\'s answer has proven our clock')
  t.match(await logged('webhook.accepted', 2), [{ edits: [{ outcome: 'accepted' }] }, { edits: [{ outcome: 'ignored', reason: 'unreadable' }] }])
})

import { createHmac } from 'node:crypto'
import t from 'tap'
import { fixture } from '../messengers/fixture.ts'
import { startPeopleApi } from './people-api.ts'
import { eventually } from '../portal.ts'
import { startMessengers } from '../messengers/running.ts'

const SECRET = '0123456789abcdef0123456789abcdef'
const VK_TOKEN = 'vk1.a.token-of-the-tests'
const META_TOKEN = 'EAAG-token-of-the-tests'
const ANNA = { id: 40123456, first_name: 'Anna', last_name: 'Petrova' }
const BORIS = { id: 7700110022003300, first_name: 'Boris', last_name: 'Ivanov' }

const api = await startPeopleApi(t, [ANNA, BORIS])
const vk = { messenger: 'vk', secrets: ['vk-secret-of-the-tests-1'], groupId: 220011223, confirmation: 'c0ffee42' }
const meta = { messenger: 'meta', secrets: [SECRET], verifyToken: 'verify-token-of-the-tests' }
/* eslint-disable no-template-curly-in-string -- as it stands in a CHANNELS_FILE */
const { portal, lines, relay, sendOriginal, post, shown, drained } = await startMessengers(t, [
  { id: 'vk', ...vk, apiToken: '${VK_TOKEN}', apiUrl: api.url, ids: { user: 'vk-{user}', chat: '{chat}', message: '{message}' }, userFields: ['name', 'last_name'] },
  { id: 'meta', ...meta, apiToken: '${META_TOKEN}', apiUrl: api.url },
  { id: 'vk-without', ...vk },
  { id: 'meta-without', ...meta },
  { id: 'vk-anonymous', ...vk, allowAnonymous: true },
], { VK_TOKEN, META_TOKEN })
/* eslint-enable no-template-curly-in-string */

const fromVk = (message: number, text: string, user = ANNA.id) =>
  fixture('vk/message_edit', { 'object.conversation_message_id': message, 'object.peer_id': user, 'object.from_id': user, 'object.date': Math.floor(Date.now() / 1000) - 60, 'object.text': text, 'object.format_data': undefined })
const fromMeta = (mid: string, text: string, psid = BORIS.id) => {
  const body = fixture('meta/message_edit', { 'entry.0.messaging.0.message_edit': { mid, text, num_edit: 1 }, 'entry.0.messaging.0.sender.id': String(psid) })
  return [body, { 'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}` }] as const
}
const outcome = () => (lines.filter(line => line.event === 'webhook.accepted').at(-1)?.edits as { outcome: string, reason?: string }[]).at(-1)
const clients = async () => (await portal.users()).map(({ externalId, name, lastName }) => [externalId, name, lastName])

t.test('an edit that VK tells no name with is shown, and its client keeps her name', async t => {
  await sendOriginal({ message: '1', chat: String(ANNA.id), user: `vk-${ANNA.id}` })
  await sendOriginal({ message: '2', chat: String(ANNA.id), user: `vk-${ANNA.id}` })
  t.equal((await post('vk', fromVk(1, 'edited'))).text, 'ok')
  t.match(outcome(), { outcome: 'accepted' })
  t.equal((await shown('1', 'edited'))?.text, 'edited')
  await post('vk', fromVk(2, 'edited too'))
  t.equal((await shown('2', 'edited too'))?.text, 'edited too')
  t.strictSame(api.asked, [[String(ANNA.id)]], 'VK is asked once, by its own number for her')
  t.ok((await clients()).some(([id, name, lastName]) => id === `vk-${ANNA.id}` && name === 'Anna' && lastName === 'Petrova'))
})

t.test('an edit that Messenger tells no name with is shown, and its client keeps his name', async t => {
  await sendOriginal({ message: 'm_1', chat: String(BORIS.id), user: String(BORIS.id) })
  t.equal((await post('meta', ...fromMeta('m_1', 'edited'))).status, 200)
  t.equal((await shown('m_1', 'edited'))?.text, 'edited')
  t.strictSame(api.asked.slice(1), [[String(BORIS.id)]])
  t.ok((await clients()).some(([id, name, lastName]) => id === String(BORIS.id) && name === 'Boris' && lastName === 'Ivanov'))
})

t.test('nobody whom the API does not know becomes a guest', async t => {
  await sendOriginal({ message: 'm_2', chat: '404', user: '404' })
  await post('meta', ...fromMeta('m_2', 'from nobody', 404))
  t.match(outcome(), { outcome: 'accepted' })
  await drained()
  t.equal((await shown('m_2', 'original'))?.text, 'original')
  t.notOk((await clients()).some(([, name]) => name === 'Guest'))
})

t.test('without a token the start warns by the channel\'s name, and its nameless edits are refused', async t => {
  t.strictSame(lines.filter(line => line.event === 'channel.nameless').map(({ level, channel }) => [level, channel]), [[40, 'vk-without'], [40, 'meta-without']])
  t.match(lines.find(line => line.event === 'channel.nameless'), { remedy: /set apiToken in CHANNELS_FILE/ })
  await post('vk-without', fromVk(3, 'who?', 5))
  t.match(outcome(), { outcome: 'refused', reason: 'anonymous-user' })
  await sendOriginal({ message: '4', chat: String(BORIS.id), user: String(BORIS.id) })
  await post('vk-without', fromVk(4, 'known', BORIS.id))
  t.equal((await shown('4', 'known'))?.text, 'known', 'unless a profile is remembered')
})

t.test('look-ups and edits that end by them are counted, and no token is in the log', async t => {
  const ask = async (path: string) => await fetch(`${relay.url}${path}`, { headers: { authorization: 'Bearer an-admin-token-of-the-test' } })
  const metrics = await (await ask('/metrics')).text()
  const counted = [...metrics.matchAll(/^relay_profile_lookups_total\{channel="([\w-]+)",outcome="(\w+)"\} ([1-9]\d*)$/gm)].map(([, ...labels]) => labels.join(' '))
  t.strictSame(counted.sort(), ['meta found 1', 'meta unknown 1', 'vk found 1'])
  t.match(metrics, /^relay_edits_finished_total\{state="dead",reason="anonymous-user"\} 2$/m, 'the one that was refused, and the one that asked in vain')
  const channels = async () => (await (await ask('/api/status')).json() as { channels: Array<{ id: string, day: { dead: number } }> }).channels
  t.match((await eventually(channels, found => found.some(({ day }) => day.dead > 0))).filter(({ day }) => day.dead > 0), [{ id: 'meta', day: { accepted: 2, delivered: 1, dead: 1 } }])
  t.strictSame([...api.tokens].sort(), [`Bearer ${META_TOKEN}`, VK_TOKEN].sort())
  t.notMatch(JSON.stringify(lines), /token-of-the-tests/)
})

import t from 'tap'
import { SECRET } from '../../channel.ts'
import { deliver, startExamined } from './examined.ts'

const entry = (id: string, changes: object) => ({ id, messenger: 'generic', secrets: [SECRET], ...changes })

t.test('the remedy names the setting from which the connector and the line are', async t => {
  const { portal, doctor, run } = await startExamined(t)
  await deliver(await run({ SETTLE_MS: '0' }), portal)
  const find = async (subject: string, env: Record<string, string>, ...channels: object[]) =>
    (await doctor(env, { channels })).filter(finding => finding.startsWith(`fault ${subject}:`))

  const wrong = { BITRIX24_CONNECTOR: 'unknown' }
  t.match(await find('connector', wrong, entry('shop', {})), [/: set BITRIX24_CONNECTOR to one of .*relay_demo/])
  t.match(await find('connector', {}, entry('shop', { connector: 'unknown' })), [/: set "connector" of the channel shop to one of .*relay_demo/])
  t.match(await find('connector', wrong, entry('shop', { connector: 'unknown' })), [/: set BITRIX24_CONNECTOR and "connector" of the channel shop to one of/])
  t.match(await find('line', { BITRIX24_LINE: '99' }, entry('shop', { connector: 'relay_demo' })), [/, or correct BITRIX24_LINE$/])
  t.match(await find('line', {}, entry('shop', { line: 99 })), [/, or correct "line" of the channel shop$/])
  t.match(await find('line', {}, entry('shop', { line: 99 }), entry('bot', { line: 99 })), [/, or correct "line" of the channel shop and "line" of the channel bot$/])
})

t.test('a channel that has no connector and no line can get its own', async t => {
  const { doctor } = await startExamined(t)
  t.match(await doctor({ BITRIX24_CONNECTOR: '', BITRIX24_LINE: '', WEBHOOK_SECRET: '' }, { channels: [entry('shop', {})] }), [
    'fault configuration: CHANNELS_FILE: the channel shop has no connector: set BITRIX24_CONNECTOR, or the channel\'s "connector"',
    'fault configuration: CHANNELS_FILE: the channel shop has no line: set BITRIX24_LINE, or the channel\'s "line"',
  ])
})

import t from 'tap'
import { config } from '../relay.ts'
import { loadConfig } from '../../src/config/config.ts'
import { ConfigError } from '../../src/base/errors.ts'

const VK = { id: 'vk', messenger: 'vk', secrets: ['vk-secret-of-the-tests-1'], groupId: 220011223, confirmation: 'c0ffee42' }
const META = { id: 'meta', messenger: 'meta', secrets: ['0123456789abcdef0123456789abcdef'], verifyToken: 'verify-token-of-the-tests' }
const TOKEN = 'vk1.a.token-of-the-tests'

function faults (channel: object): readonly string[] {
  const { portal } = config()
  try {
    loadConfig({ BITRIX24_PORTAL_URL: portal.url, BITRIX24_CONNECTOR: 'relay_demo', BITRIX24_LINE: '1', CHANNELS_FILE: 'channels.json' }, () => JSON.stringify({ channels: [channel] }))
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

t.test('a token goes to the vendor\'s own address, or to this machine in a test', async t => {
  for (const channel of [VK, META]) {
    for (const apiUrl of [undefined, 'http://127.0.0.1:4010', 'https://localhost:4010', 'http://[::1]:4010/x']) t.strictSame(faults({ ...channel, apiToken: TOKEN, apiUrl }), [], String(apiUrl))
    for (const apiUrl of ['https://api.vk.com', 'https://api.vk.com.evil.example', 'http://10.0.0.1', 'http://127.0.0.1.evil.example', 'ftp://127.0.0.1', 'file:///etc', '127.0.0.1', '', 7]) {
      t.match(faults({ ...channel, apiToken: TOKEN, apiUrl }), [/apiUrl/], String(apiUrl))
    }
  }
})

t.test('a faulty key is named with its remedy, and no secret is', async t => {
  const cases: [channel: object, fault: RegExp][] = [
    [{ ...VK, apiToken: 'short-an' }, /apiToken must be an access token/],
    [{ ...VK, apiToken: `${TOKEN}\r\nx: y` }, /apiToken must be an access token/],
    [{ ...VK, groupId: 'shop' }, /groupId must be the number of the community/],
    [{ ...VK, groupId: -1 }, /groupId must be the number of the community/],
    [{ ...VK, confirmation: 'no string' }, /confirmation must be the string/],
    [{ ...VK, messageId: 'message_id' }, /messageId must be conversation_message_id or id/],
    [{ ...VK, secrets: ['short'] }, /must have 16 to 50 visible ASCII characters/],
    [{ ...META, verifyToken: 'short' }, /verifyToken must have 16 to 256/],
    [{ ...META, accounts: ['a page'] }, /accounts.* must be a list of Page ids/],
    [{ ...META, accounts: [] }, /accounts must be a list of Page ids/],
    [{ ...META, secrets: ['not-an-app-secret'] }, /must be the app secret/],
  ]
  for (const [channel, fault] of cases) {
    t.match(faults(channel), [fault])
    t.notMatch(faults(channel).join(), /short-an|token-of-the-tests|not-an-app-secret/)
  }
})

import t from 'tap'
import { loadConfig } from '../../src/config/config.ts'
import type { Channel } from '../../src/config/channels.ts'
import { SECRET } from '../channel.ts'

function load (channel: object): Channel | undefined {
  const env = { BITRIX24_PORTAL_URL: 'https://example.bitrix24.ru', BITRIX24_CONNECTOR: 'relay_demo', BITRIX24_LINE: '1', CHANNELS_FILE: 'channels.json', HOOK_KEY: 'a-key-of-the-connector' }
  return loadConfig(env, () => JSON.stringify({ channels: [{ id: 'a', messenger: 'generic', secrets: [SECRET], ...channel }] })).channels.get('a')
}

t.test('a channel may stand in front of a connector', async t => {
  t.strictSame(load({ upstream: `https://Connector.Example/hook?key=${'$'}{HOOK_KEY}` })?.upstream, {
    url: 'https://connector.example/hook?key=a-key-of-the-connector', edits: false, handshakes: false, privateRanges: [], timeoutMs: 30_000,
  })
  const channel = load({ upstream: 'http://10.0.0.5:8080/hook', upstreamEdits: true, upstreamHandshakes: true, upstreamPrivate: ['10.0.0.0/8', '::1'], upstreamTimeoutMs: 100 })
  t.strictSame(channel?.upstream, { url: 'http://10.0.0.5:8080/hook', edits: true, handshakes: true, privateRanges: ['10.0.0.0/8', '::1'], timeoutMs: 100 })
  t.notOk(Object.keys(channel ?? {}).some(key => key.startsWith('upstream') && key !== 'upstream'))
  t.equal(load({})?.upstream, null)
})

t.test('a fault names the key and its remedy, and never the address, which may hold a secret', async t => {
  const url = 'https://connector.example/secret-path'
  const cases: [channel: object, fault: RegExp][] = [
    [{ upstream: '/secret-path' }, /\/channels\/0\/upstream must be the URL at which the connector receives webhooks/],
    [{ upstream: 'ftp://connector.example/secret-path' }, /\/upstream must be/],
    [{ upstream: 'https://user:secret-path@connector.example/' }, /\/upstream must be .*without user:password@/],
    [{ upstream: `${url}#here` }, /\/upstream must be .*without #/],
    [{ upstream: `${url}#` }, /\/upstream must be/],
    [{ upstream: `https://connector.example/${'secret-path'.repeat(200)}` }, /\/upstream must be/],
    [{ upstream: 'http://connector.example/secret-path' }, /the channel a: upstream is http, which is only for addresses in upstreamPrivate/],
    [{ upstream: 'http://8.8.8.8/secret-path', upstreamPrivate: ['10.0.0.0/8'] }, /upstream is http/],
    [{ upstream: 'https://127.0.0.1/secret-path' }, /the channel a: upstream names 127\.0\.0\.1, which is not public: if that is intended, add it to upstreamPrivate/],
    [{ upstream: 'https://0x7f.1/secret-path' }, /names 127\.0\.0\.1/],
    [{ upstream: 'https://[::ffff:169.254.169.254]/secret-path' }, /names ::ffff:a9fe:a9fe/],
    [{ upstream: 'https://[fd00::1]/secret-path', upstreamPrivate: ['10.0.0.0/8'] }, /names fd00::1/],
    [{ upstream: url, upstreamPrivate: true }, /\/upstreamPrivate must be a list of addresses/],
    [{ upstream: url, upstreamPrivate: ['connector'] }, /\/upstreamPrivate\/0 must be an IP address or a range/],
    [{ upstream: url, upstreamPrivate: ['10.0.0.0/33'] }, /\/upstreamPrivate\/0 must be/],
    [{ upstream: url, upstreamEdits: 'true' }, /\/upstreamEdits must be true or false/],
    [{ upstream: url, upstreamHandshakes: 1 }, /\/upstreamHandshakes must be true or false/],
    [{ upstream: url, upstreamTimeoutMs: 99 }, /\/upstreamTimeoutMs must be from 100 to 120000/],
    [{ upstream: url, upstreamTimeoutMs: 120_001 }, /\/upstreamTimeoutMs must be/],
    [{ upstreamEdits: false }, /the channel a has upstreamEdits but no upstream/],
  ]
  for (const [channel, fault] of cases) {
    t.throws(() => load(channel), { name: 'ConfigError', faults: [fault] }, JSON.stringify(channel).slice(0, 100))
    try {
      load(channel)
    } catch (error) {
      t.notMatch(String(error), /secret-path/)
    }
  }
})

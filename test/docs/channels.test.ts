import t from 'tap'
import { globSync, readFileSync } from 'node:fs'
import { loadConfig, type Config } from '../../src/config/config.ts'
import { ConfigError } from '../../src/base/errors.ts'
import { messengers } from '../../src/messengers/registry.ts'
import { SECRET } from '../channel.ts'

const VARIABLE = /\$\{(\w+)\}/g

/** Loads a CHANNELS_FILE with every variable that it names set, to what its messengers take for a secret. */
function load (channels: readonly Record<string, unknown>[]): Config {
  const text = JSON.stringify({ channels })
  const secrets = channels.flatMap(channel => [...JSON.stringify(channel).matchAll(VARIABLE)].map(([, name = '']) => [name, secretOf(channel)]))
  return loadConfig({
    BITRIX24_PORTAL_URL: 'https://example.bitrix24.ru',
    BITRIX24_CONNECTOR: 'my_connector',
    BITRIX24_LINE: '1',
    CHANNELS_FILE: 'channels.json',
    ...Object.fromEntries(secrets),
  }, () => text)
}

function secretOf (channel: Record<string, unknown>): string {
  return channel.messenger === 'generic' ? SECRET : 'ab'.repeat(16)
}

function faults (channels: readonly Record<string, unknown>[]): readonly string[] {
  try {
    load(channels)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

/** The channels in the JSON of a document: a whole file of them, or one by itself. */
function readChannels (markdown: string): Record<string, unknown>[][] {
  return [...markdown.matchAll(/^```json\n(.*?)^```/gms)].map(([, text = '']) => text).filter(text => text.includes('"messenger"')).map(text => {
    const json = JSON.parse(text) as Record<string, unknown>
    return Array.isArray(json.channels) ? json.channels as Record<string, unknown>[] : [json]
  })
}

t.test('channels.example.json has a channel of each messenger, and loads', async t => {
  const { channels } = JSON.parse(readFileSync('channels.example.json', 'utf8')) as { channels: Record<string, unknown>[] }
  t.strictSame(faults(channels), [])
  t.strictSame(new Set(load(channels).channels.values().map(({ messenger }) => messenger)), new Set(Object.keys(messengers)))
  for (const channel of channels) t.match(JSON.stringify(channel.secrets), /^\["\$\{\w+\}"\]$/, 'no secret stands in the file')
})

t.test('every channel in the documents loads', async t => {
  for (const path of ['README.md', ...globSync('docs/**/*.md')].sort()) {
    for (const channels of readChannels(readFileSync(path, 'utf8'))) t.strictSame(faults(channels), [], `${path}: ${String(channels[0]?.id)}`)
  }
})

t.test('every ready mapping loads', async t => {
  for (const path of globSync('docs/messengers/custom/*.json').sort()) {
    t.strictSame(faults((JSON.parse(readFileSync(path, 'utf8')) as { channels: Record<string, unknown>[] }).channels), [], path)
  }
})

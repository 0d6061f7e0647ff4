import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import t from 'tap'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { ConfigError } from '../../src/base/errors.ts'
import { loadConfig } from '../../src/config/config.ts'
import { messengers } from '../../src/messengers/registry.ts'
import { SECRET } from '../channel.ts'

type Json = Readonly<Record<string, unknown>>

const PUBLISHED = readFileSync('channels.schema.json', 'utf8')
const schema = JSON.parse(PUBLISHED) as { channels: never, properties: { channels: { items: { anyOf: Array<{ properties: Record<string, Json> }> } } }, $defs: Record<string, Json> }
const isValid = new Ajv2020({ strict: true, strictTypes: false }).compile(schema)

/** What the reader finds wrong, with `env` for the variables of the file. */
function faults (file: unknown, env: Record<string, string> = {}): readonly string[] {
  try {
    loadConfig({ BITRIX24_PORTAL_URL: 'https://example.bitrix24.ru', BITRIX24_CONNECTOR: 'c', BITRIX24_LINE: '1', CHANNELS_FILE: 'channels.json', ...env }, () => JSON.stringify(file))
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as { channels: Json[] }

const example = readJson('channels.example.json')

/** With each secret in its place, so that the file needs no environment. */
const channels = example.channels.map(channel =>
  JSON.parse(JSON.stringify(channel).replaceAll(/\$\{\w+\}/g, channel.messenger === 'generic' ? SECRET : 'ab'.repeat(16))) as Json)

const channelOf = (messenger: string): Json => channels.find(channel => channel.messenger === messenger) as Json

t.test('the published schema is what the command prints', async t => {
  const { stdout, status } = spawnSync(process.execPath, ['src/cli.ts', 'schema'], { encoding: 'utf8', env: { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE } })
  t.equal(status, 0)
  t.ok(stdout === PUBLISHED, 'write it again: npm run -s relay -- schema > channels.schema.json')
})

t.test('it is of the draft 2020-12, and has a branch with a described key for each messenger', async t => {
  t.match(schema, { $schema: 'https://json-schema.org/draft/2020-12/schema' })
  const branches = schema.properties.channels.items.anyOf
  t.match(branches.map(({ properties }) => properties.messenger), Object.keys(messengers).map(name => ({ anyOf: [{ const: name }, {}] })))
  for (const { properties } of branches) {
    for (const [key, value] of Object.entries(properties)) {
      const { description } = typeof value.$ref === 'string' ? schema.$defs[value.$ref.replace('#/$defs/', '')] as Json : value
      t.type(description, 'string', key)
    }
  }
})

t.test('the example, which names it, and every channel in the documents are valid', async t => {
  t.match(example, { $schema: './channels.schema.json' })
  t.ok(isValid(example), JSON.stringify(isValid.errors))
  for (const path of globSync('docs/messengers/custom/*.json')) t.ok(isValid(readJson(path)), path)
  let found = 0
  for (const path of ['README.md', ...globSync('docs/**/*.md')]) {
    for (const [, text = ''] of readFileSync(path, 'utf8').matchAll(/^```json\n(.*?)^```/gms)) {
      if (!text.includes('"messenger"')) continue
      found++
      const json = JSON.parse(text) as Json
      t.ok(isValid('channels' in json ? json : { channels: [json] }), `${path}: ${JSON.stringify(isValid.errors)}`)
    }
  }
  t.ok(found > 5)
})

/** The paths of all texts in a value. */
function texts (value: unknown, path: readonly string[] = []): Array<{ readonly path: readonly string[], readonly text: string }> {
  if (typeof value === 'string') return [{ path, text: value }]
  return typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([key, item]) => texts(item, [...path, key])) : []
}

/** A copy of the value with another text at the path. */
function replace (value: unknown, [key, ...rest]: readonly string[], text: string): unknown {
  if (key === undefined) return text
  const copy = structuredClone(value) as Record<string, unknown>
  copy[key] = replace(copy[key], rest, text)
  return copy
}

t.test('a variable may stand for any text, as for the reader', async t => {
  for (const channel of channels) {
    for (const { path, text } of texts(channel)) {
      const file = { channels: [replace(channel, path, '$' + '{VALUE}')] }
      t.ok(isValid(file), `${path.join('/')}: ${JSON.stringify(isValid.errors)}`)
      t.strictSame(faults(file, { VALUE: text }), [], path.join('/'))
    }
  }
})

t.test('what the reader takes is valid', async t => {
  const telegram = channelOf('telegram')
  for (const file of [
    { channels: [] },
    { $schema: 'anything', channels },
    { channels: [{ ...telegram, line: '3', connector: 'c', settleMs: 0, files: 'omit', cleanNames: true, allowAnonymous: true, userFields: [] }] },
    { channels: [{ ...telegram, ids: {} }, { ...channelOf('max'), ids: { user: '{chat}/{user}', chat: 'x{user}', message: '{message}' } }] },
    { channels: [{ ...channelOf('vk'), groupId: '214000001' }, { ...channelOf('custom'), map: 'a', client: ['a', '.b'], handshakes: [{ kind: 'static', when: { '/a': 1 }, text: 'x' }], reply: { body: { any: [1, null] } } }] },
  ]) {
    t.ok(isValid(file), JSON.stringify(isValid.errors))
    if (file.channels.length > 0) t.strictSame(faults(file), [])
  }
})

t.test('faulty files are not valid, as for the reader', async t => {
  const telegram = channelOf('telegram')
  const { secrets, ...open } = telegram
  for (const file of [
    [],
    {},
    { channels: {} },
    { channels, more: 1 },
    { $schema: 1, channels },
    { channels: ['telegram'] },
    { channels: [open] },
    { channels: [{ ...telegram, secrets: [] }] },
    { channels: [{ ...telegram, secrets: [1] }] },
    { channels: [{ ...telegram, messenger: 'icq' }] },
    { channels: [{ ...telegram, id: 'A b' }] },
    { channels: [{ ...telegram, line: 0 }] },
    { channels: [{ ...telegram, line: true }] },
    { channels: [{ ...telegram, fiels: 'omit' }] },
    { channels: [{ ...telegram, files: 'none' }] },
    { channels: [{ ...telegram, cleanNames: 'true' }] },
    { channels: [{ ...telegram, cleanNames: '$' + '{FLAG}' }] },
    { channels: [{ ...telegram, userFields: ['nick'] }] },
    { channels: [{ ...telegram, ids: { message: '{chat}' } }] },
    { channels: [{ ...telegram, ids: { user: '{client}{user}' } }] },
    { channels: [{ ...telegram, groupId: 1 }] },
    { channels: [{ ...channelOf('vk'), groupId: 'public1' }] },
    { channels: [{ ...channelOf('vk'), confirmation: undefined }] },
    { channels: [{ ...channelOf('custom'), map: 7 }] },
    { channels: [{ ...channelOf('custom'), verify: { kind: 'oauth' } }] },
    { channels: [{ ...channelOf('custom'), reply: { status: 302 } }] },
  ]) {
    const sent = JSON.parse(JSON.stringify(file)) as unknown
    t.notOk(isValid(sent), JSON.stringify(sent))
    t.not(faults(sent, { FLAG: 'true' }).length, 0, JSON.stringify(sent))
  }
})

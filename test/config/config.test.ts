import t from 'tap'
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { loadConfig } from '../../src/config/config.ts'
import { variables, type Variable } from '../../src/config/variables.ts'
import { ConfigError } from '../../src/base/errors.ts'
import { SECRET } from '../channel.ts'

const OTHER_SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`

const MINIMAL = { BITRIX24_PORTAL_URL: 'https://example.bitrix24.ru', BITRIX24_CONNECTOR: 'relay_demo', BITRIX24_LINE: '1', WEBHOOK_SECRET: SECRET }

type Files = Record<string, string>

function load (env: Record<string, string | undefined> = {}, files: Files = {}) {
  return loadConfig({ ...MINIMAL, ...env }, path => {
    const text = files[path]
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    return text
  })
}

function faults (env: Record<string, string | undefined>, files?: Files): readonly string[] {
  try {
    load(env, files)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}

const placeholder = (name: string) => `$\{${name}}`

const channelsFile = (...channels: object[]): Files => ({ 'channels.json': JSON.stringify({ channels }) })

t.test('the fewest variables give the defaults', async t => {
  t.strictSame(load(), {
    host: '0.0.0.0',
    port: 3000,
    logLevel: 'info',
    databaseUrl: 'file:./data/relay.db',
    postgresUnsafe: false,
    portal: {
      url: 'https://example.bitrix24.ru',
      clientId: null,
      clientSecret: null,
      refreshToken: null,
      oauthUrl: null,
      bucket: { ratePerSecond: 1, burst: 25 },
    },
    channels: new Map([['default', {
      id: 'default',
      messenger: 'generic',
      secrets: [SECRET],
      connector: 'relay_demo',
      line: 1,
      own: { connector: false, line: false },
      ids: { user: '{user}', chat: '{chat}', message: '{message}' },
      files: 'send',
      userFields: ['last_name', 'name', 'picture', 'url', 'gender', 'email', 'phone'],
      cleanNames: false,
      allowAnonymous: false,
      settleMs: 2000,
      upstream: null,
      settings: {},
    }]]),
    publicUrl: null,
    webhookRateLimit: 6000,
    trustProxy: false,
    adminToken: null,
    viewerToken: null,
    encryptionKey: null,
    retentionDays: 14,
    logIds: false,
  })
})

t.test('every variable can be set', async t => {
  const config = load({
    HOST: '127.0.0.1',
    PORT: '8080',
    LOG_LEVEL: 'debug',
    LOG_IDS: 'true',
    DATABASE_URL: 'file:/data/relay.db',
    POSTGRES_UNSAFE: 'true',
    RETENTION_DAYS: '4',
    ENCRYPTION_KEY: 'ab'.repeat(32),
    BITRIX24_PORTAL_URL: 'http://127.0.0.1:4000/',
    BITRIX24_CLIENT_ID: 'local.relay',
    BITRIX24_CLIENT_SECRET: 's',
    BITRIX24_REFRESH_TOKEN: 'r',
    BITRIX24_OAUTH_URL: 'http://127.0.0.1:4000',
    BITRIX24_PLAN: 'enterprise',
    BITRIX24_SHARE: '1',
    WEBHOOK_SECRET: `${SECRET}, ${OTHER_SECRET}`,
    SETTLE_MS: '0',
    PUBLIC_URL: 'http://127.0.0.1:3000/relay/',
    WEBHOOK_RATE_LIMIT: '0',
    TRUST_PROXY: '10.0.0.0/8, ::1',
    ADMIN_TOKEN: 'x'.repeat(16),
    VIEWER_TOKEN: 'v'.repeat(16),
  })
  t.match(config, {
    host: '127.0.0.1',
    port: 8080,
    logLevel: 'debug',
    logIds: true,
    databaseUrl: 'file:/data/relay.db',
    postgresUnsafe: true,
    retentionDays: 4,
    encryptionKey: Buffer.alloc(32, 0xab),
    publicUrl: 'http://127.0.0.1:3000/relay',
    webhookRateLimit: 0,
    trustProxy: ['10.0.0.0/8', '::1'],
    adminToken: 'x'.repeat(16),
    viewerToken: 'v'.repeat(16),
    portal: { url: 'http://127.0.0.1:4000', clientId: 'local.relay', clientSecret: 's', refreshToken: 'r', oauthUrl: 'http://127.0.0.1:4000', bucket: { ratePerSecond: 5, burst: 250 } },
  })
  t.match(config.channels.get('default'), { secrets: [SECRET, OTHER_SECRET], settleMs: 0 })
  t.equal(load({ TRUST_PROXY: '2' }).trustProxy, 2)
  t.equal(load({ ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64') }).encryptionKey?.at(0), 7)
})

t.test('the smallest share of the bucket still holds a call', async t => {
  t.match(load({ ...MINIMAL, BITRIX24_SHARE: '0.01' }).portal.bucket, { ratePerSecond: 0.02, burst: 1 })
})

t.test('an empty variable is unset', async t => {
  const empty = Object.fromEntries(Object.keys(variables).filter(name => !(name in MINIMAL)).map(name => [name, '']))
  t.strictSame(load(empty), load())
})

t.test('the configuration cannot be changed', async t => {
  const config = load({ TRUST_PROXY: '127.0.0.1' })
  for (const part of [config, config.portal, config.portal.bucket, config.trustProxy, config.channels.get('default'), config.channels.get('default')?.ids]) t.ok(Object.isFrozen(part))
})

t.test('a wrong value is named with its remedy', async t => {
  const cases: [env: Record<string, string>, fault: RegExp][] = [
    [{ PORT: '65536' }, /^PORT must be a whole number from 0 to 65535 \(it is "65536"\)$/],
    [{ PORT: '0x10' }, /^PORT must/],
    [{ PORT: '-1' }, /^PORT must/],
    [{ LOG_LEVEL: 'loud' }, /^LOG_LEVEL must be one of .*info/],
    [{ LOG_IDS: 'yes' }, /^LOG_IDS must be one of true, false/],
    [{ DATABASE_URL: 'postgres://u:hidden@h' }, /^DATABASE_URL must name a writable PostgreSQL as postgres:\/\/user:password@host:5432\/database/],
    [{ DATABASE_URL: 'postgres://u:hid@den@h/db' }, /^DATABASE_URL must/],
    [{ DATABASE_URL: 'postgres://u:hidden@h:x,other/db' }, /^DATABASE_URL must/],
    [{ DATABASE_URL: 'postgres://u:hidden@h/db?target_session_attrs=standby' }, /^DATABASE_URL must/],
    [{ DATABASE_URL: './relay.db' }, /^DATABASE_URL must name a file, such as file:/],
    [{ DATABASE_URL: 'file:' }, /^DATABASE_URL must/],
    [{ DATABASE_URL: 'file::memory:' }, /^DATABASE_URL must/],
    [{ DATABASE_URL: 'file://host/relay.db' }, /^DATABASE_URL must/],
    [{ RETENTION_DAYS: '3' }, /^RETENTION_DAYS must be from 4/],
    [{ ENCRYPTION_KEY: 'c2hvcnQ=' }, /^ENCRYPTION_KEY must be 32 bytes/],
    [{ BITRIX24_PORTAL_URL: '' }, /^BITRIX24_PORTAL_URL is missing/],
    [{ BITRIX24_PORTAL_URL: 'example.bitrix24.ru' }, /^BITRIX24_PORTAL_URL must be the portal's address.*https/],
    [{ BITRIX24_PORTAL_URL: 'http://example.bitrix24.ru' }, /^BITRIX24_PORTAL_URL must/],
    [{ BITRIX24_PORTAL_URL: 'https://example.bitrix24.ru/rest/1/key/' }, /^BITRIX24_PORTAL_URL must/],
    [{ PUBLIC_URL: 'http://relay.example.com' }, /^PUBLIC_URL must be the https address/],
    [{ PUBLIC_URL: 'https://relay.example.com/?a=b' }, /^PUBLIC_URL must/],
    [{ PUBLIC_URL: 'http://127.0.0.1:3000' }, /^PUBLIC_URL names this machine, but the portal is elsewhere/],
    [{ BITRIX24_PORTAL_URL: 'https://user@example.bitrix24.ru' }, /^BITRIX24_PORTAL_URL must/],
    [{ BITRIX24_CLIENT_ID: 'local.x' }, /^BITRIX24_CLIENT_ID and BITRIX24_CLIENT_SECRET belong together/],
    [{ BITRIX24_CLIENT_SECRET: 'x' }, /belong together/],
    [{ BITRIX24_REFRESH_TOKEN: 'x' }, /^BITRIX24_REFRESH_TOKEN cannot be used without/],
    [{ BITRIX24_OAUTH_URL: 'https://oauth.evil.example' }, /^BITRIX24_OAUTH_URL must be https:\/\/oauth.bitrix.info/],
    [{ BITRIX24_OAUTH_URL: 'http://127.0.0.1:4000' }, /^BITRIX24_OAUTH_URL names this machine/],
    [{ BITRIX24_CONNECTOR: 'Relay_Demo' }, /^BITRIX24_CONNECTOR must .*lower-case/],
    [{ BITRIX24_CONNECTOR: '' }, /^the channel default has no connector: set BITRIX24_CONNECTOR/],
    [{ BITRIX24_LINE: '0' }, /^BITRIX24_LINE must/],
    [{ BITRIX24_LINE: '' }, /^the channel default has no line: set BITRIX24_LINE/],
    [{ BITRIX24_PLAN: 'free' }, /^BITRIX24_PLAN must be one of standard, enterprise/],
    [{ BITRIX24_SHARE: '0' }, /^BITRIX24_SHARE must be a number above 0/],
    [{ BITRIX24_SHARE: '1.1' }, /^BITRIX24_SHARE must/],
    [{ WEBHOOK_SECRET: 'whsec_short' }, /^WEBHOOK_SECRET must be whsec_/],
    [{ WEBHOOK_SECRET: `${SECRET},` }, /^WEBHOOK_SECRET must be whsec_/],
    [{ WEBHOOK_SECRET: '' }, /^there is no channel: set WEBHOOK_SECRET/],
    [{ SETTLE_MS: '1.5' }, /^SETTLE_MS must/],
    [{ WEBHOOK_RATE_LIMIT: 'off' }, /^WEBHOOK_RATE_LIMIT must/],
    [{ POSTGRES_UNSAFE: 'yes' }, /^POSTGRES_UNSAFE must be one of true, false/],
    [{ TRUST_PROXY: 'true' }, /^TRUST_PROXY must be .* true is not allowed/],
    [{ TRUST_PROXY: '10.0.0.0/33' }, /^TRUST_PROXY must/],
    [{ TRUST_PROXY: 'proxy.example' }, /^TRUST_PROXY must/],
    [{ ADMIN_TOKEN: 'short' }, /^ADMIN_TOKEN must be 16/],
    [{ ADMIN_TOKEN: 'a'.repeat(16), VIEWER_TOKEN: 'short' }, /^VIEWER_TOKEN must be 16/],
    [{ VIEWER_TOKEN: 'v'.repeat(16) }, /^VIEWER_TOKEN cannot be used without an ADMIN_TOKEN/],
    [{ ADMIN_TOKEN: 'a'.repeat(16), VIEWER_TOKEN: 'a'.repeat(16) }, /^VIEWER_TOKEN is the ADMIN_TOKEN/],
    [{ ADMIN_TOKEN: 'with a blank in it, and long' }, /^ADMIN_TOKEN must/],
    [{ BITRIX24_PORTAL: 'x' }, /^BITRIX24_PORTAL is not a variable of the relay: use one of BITRIX24_PORTAL_URL, BITRIX24_\w+, .*BITRIX24_CLIENT_SECRET, BITRIX24_CLIENT_SECRET_FILE, /],
    [{ BITRIX24_LINE_FILE: 'x' }, /^BITRIX24_LINE_FILE is not a variable of the relay: use one of [A-Z0-9_, ]+$/],
  ]
  for (const [env, fault] of cases) {
    const found = faults(env)
    t.equal(found.length, 1, `one fault for ${JSON.stringify(env)}`)
    t.match(found[0], fault)
  }
})

t.test('all faults are named at once', async t => {
  t.equal(faults({ PORT: 'x', BITRIX24_PORTAL_URL: '', BITRIX24_CONNECTOR: 'X', WEBHOOK_SECRET: 'x', BITRIX24_TYPO: '1', CHANNELS_FILE: 'missing.json' }).length, 6)
  t.throws(() => load({ PORT: 'x', LOG_IDS: 'x' }), { message: /^the configuration has 2 faults:\n {2}- PORT .*\n {2}- LOG_IDS / })
})

t.test('names that are not ours are nobody\'s fault', async t => {
  t.strictSame(faults({ PATH: '/bin', RELAY_URL: 'x', WEBHOOK_SECRETS: 'x' }), [])
})

t.test('no message repeats a secret', async t => {
  const env = { WEBHOOK_SECRET: 'hidden', ENCRYPTION_KEY: 'hidden', ADMIN_TOKEN: 'hidden', VIEWER_TOKEN: 'hidden', DATABASE_URL: 'postgres://u:hidden@h', BITRIX24_CLIENT_SECRET: 'hidden', BITRIX24_REFRESH_TOKEN: 'hidden' }
  t.ok(faults(env).length >= 5)
  t.notMatch(faults(env).join(), 'hidden')
})

t.test('every secret can come from a file', async t => {
  const names = Object.entries<Variable<unknown>>(variables).filter(([, variable]) => variable.secret).map(([name]) => name)
  t.strictSame(names, ['DATABASE_URL', 'ENCRYPTION_KEY', 'BITRIX24_CLIENT_SECRET', 'BITRIX24_REFRESH_TOKEN', 'WEBHOOK_SECRET', 'ADMIN_TOKEN', 'VIEWER_TOKEN'])
  const config = load({
    ...Object.fromEntries(names.flatMap(name => [[name, ''], [`${name}_FILE`, name]])), BITRIX24_CLIENT_ID: 'local.x',
  }, {
    DATABASE_URL: 'file:x.db\n', ENCRYPTION_KEY: `${'00'.repeat(32)}\n`, BITRIX24_CLIENT_SECRET: 's\n', BITRIX24_REFRESH_TOKEN: 'r\n', WEBHOOK_SECRET: `${SECRET}\n`, ADMIN_TOKEN: `${'t'.repeat(20)}\n`, VIEWER_TOKEN: `${'v'.repeat(20)}\n`,
  })
  t.match(config, { databaseUrl: 'file:x.db', encryptionKey: Buffer, adminToken: 't'.repeat(20), portal: { clientSecret: 's', refreshToken: 'r' } })
  t.match(faults({ ADMIN_TOKEN_FILE: 'gone' }), [/^ADMIN_TOKEN_FILE names gone, which cannot be read \(ENOENT\)$/])
  t.match(faults({ ADMIN_TOKEN: 't'.repeat(20), ADMIN_TOKEN_FILE: 'x' }, { x: 'y' }), [/both set/])
})

t.test('a file may hold more channels, with secrets from the environment, and defaults for the rest', async t => {
  const files = {
    b: `${OTHER_SECRET}\n`,
    ...channelsFile(
      { id: 'a', messenger: 'generic', secrets: [placeholder('A_SECRET')] },
      {
        id: 'b',
        messenger: 'generic',
        secrets: [placeholder('A_SECRET'), placeholder('B_SECRET')],
        connector: 'other',
        line: placeholder('B_LINE'),
        ids: { message: '{chat}_{message}' },
        files: 'omit',
        userFields: ['name'],
        cleanNames: true,
        allowAnonymous: true,
        settleMs: 5,
      }),
  }
  const { channels } = load({ WEBHOOK_SECRET: '', CHANNELS_FILE: 'channels.json', A_SECRET: SECRET, B_SECRET_FILE: 'b', B_LINE: '7' }, files)
  t.strictSame([...channels.keys()], ['a', 'b'])
  t.match(channels.get('a'), { secrets: [SECRET], connector: 'relay_demo', line: 1, settleMs: 2000 })
  t.strictSame(channels.get('b'), {
    id: 'b',
    messenger: 'generic',
    secrets: [SECRET, OTHER_SECRET],
    connector: 'other',
    line: 7,
    own: { connector: true, line: true },
    ids: { user: '{user}', chat: '{chat}', message: '{chat}_{message}' },
    files: 'omit',
    userFields: ['name'],
    cleanNames: true,
    allowAnonymous: true,
    settleMs: 5,
    upstream: null,
    settings: {},
  })
})

t.test('a fault in the channels file is named by its place', async t => {
  const good = { id: 'a', messenger: 'generic', secrets: [SECRET] }
  const cases: [channel: object, fault: RegExp][] = [
    [{ ...good, messenger: 'pigeon' }, /\/channels\/0\/messenger names no messenger that this version knows: generic/],
    [{ ...good, id: 'A b' }, /\/channels\/0\/id must be/],
    [{ ...good, id: 'default' }, /default exists twice \(WEBHOOK_SECRET/],
    [{ ...good, secrets: [] }, /\/channels\/0\/secrets must hold at least one/],
    [{ ...good, secrets: ['hidden'] }, /\/channels\/0\/secrets\/0 must be whsec_/],
    [{ ...good, secrets: [placeholder('GONE')] }, /\/channels\/0\/secrets\/0 names \$\{GONE\}, which is not set/],
    [{ ...good, connector: 'Upper' }, /\/channels\/0\/connector must/],
    [{ ...good, line: 0 }, /\/channels\/0\/line/],
    [{ ...good, ids: { message: '{chat}' } }, /\/channels\/0\/ids\/message must contain \{message\}/],
    [{ ...good, ids: { user: 'u{uesr}{user}' } }, /\/channels\/0\/ids\/user must contain/],
    [{ ...good, files: 'drop' }, /\/channels\/0\/files must be send or omit/],
    [{ ...good, userFields: ['surname'] }, /\/channels\/0\/userFields\/0 must be one of/],
    [{ ...good, userFields: ['phone'] }, /the channel a sends no name/],
    [{ ...good, cleanName: true }, /cleanName/],
  ]
  for (const [channel, fault] of cases) {
    const found = faults({ CHANNELS_FILE: 'channels.json' }, channelsFile(channel))
    t.equal(found.length, 1, JSON.stringify(channel))
    t.match(found[0], fault)
    t.notMatch(found[0], 'hidden')
  }
  t.match(faults({ CHANNELS_FILE: 'channels.json' }, channelsFile(good, good)), [/a exists twice: rename one$/])
  t.match(faults({ CHANNELS_FILE: 'channels.json' }), [/cannot be read \(ENOENT\)/])
  t.match(faults({ CHANNELS_FILE: 'channels.json' }, { 'channels.json': '{' }), [/is not JSON/])
  t.match(faults({ CHANNELS_FILE: 'channels.json' }, { 'channels.json': '[]' }), [/must be an object/])
  t.match(faults({ CHANNELS_FILE: 'channels.json', WEBHOOK_SECRET: '' }, channelsFile()), [/there is no channel/])
})

t.test('.env.example names every variable with its default, in the same order', async t => {
  const documented = [...readFileSync('.env.example', 'utf8').matchAll(/^([A-Z0-9_]+)=(.*)$/gm)].map(([, name, value]) => [name, value])
  t.strictSame(documented, Object.entries<Variable<unknown>>(variables).map(([name, { fallback }]) => [name, fallback ?? '']))
})

t.test('a ConfigError shows no secret when inspected', async t => {
  t.notMatch(inspect(new ConfigError(faults({ ADMIN_TOKEN: 'hidden' }))), 'hidden')
})

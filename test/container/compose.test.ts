import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import { applications, connectorId, activeLines } from '../../sandbox/applications.ts'
import { loadConfig } from '../../src/config/config.ts'
import { containerEnv, enabledServices, readCompose, readEnvFile, type Compose, type Service } from './compose.ts'

const root = join(import.meta.dirname, '../..')
const noFiles = (): never => { throw new Error('no file is read') }

const filledIn = {
  ...readEnvFile('.env.example'),
  BITRIX24_PORTAL_URL: 'https://example.bitrix24.ru',
  BITRIX24_CONNECTOR: 'my_connector',
  BITRIX24_LINE: '3',
  WEBHOOK_SECRET: 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=',
}

t.test('is what the compose specification allows, with and without .env', async t => {
  // dclint keeps a copy of the specification's own schema.
  const schema = JSON.parse(readFileSync(join(root, 'node_modules/dclint/schemas/compose.schema.json'), 'utf8'))
  const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile({ ...schema, $schema: undefined })
  for (const env of [{}, filledIn]) {
    const compose = readCompose(env)
    t.ok(validate(compose), JSON.stringify(validate.errors))
    t.notMatch(JSON.stringify(compose), '$', 'and nothing is left to interpolate')
  }
  t.notOk(validate({ services: { relay: { image: 'relay', port: '3000:3000' } } }), 'a misspelt key would be found')
})

t.test('plain up', async t => {
  t.test('starts the relay alone, with what .env says and what a container needs', async t => {
    const compose = readCompose(filledIn)
    t.same([...enabledServices(compose).keys()], ['relay'])
    const relay = service(compose, 'relay')
    const config = loadConfig(containerEnv(relay, filledIn), noFiles)
    t.match(config, { host: '0.0.0.0', port: 3000, databaseUrl: 'file:/data/relay.db', trustProxy: false, portal: { url: 'https://example.bitrix24.ru' } })
    t.match(config.channels.get('default'), { connector: 'my_connector', line: 3 })
    t.match(relay, { restart: 'unless-stopped', stop_grace_period: '30s', ports: ['127.0.0.1:3000:3000'], volumes: ['relay-data:/data'] })
    t.hasOwnProp(compose.volumes, 'relay-data')
  })

  t.test('offers the relay where .env says', async t => {
    const compose = readCompose({ ...filledIn, PORT: '8080', RELAY_BIND: '0.0.0.0' })
    t.same(service(compose, 'relay').ports, ['0.0.0.0:8080:3000'])
  })

  t.test('with .env.example as it is, starts the relay, which then says what is missing', async t => {
    const env = readEnvFile('.env.example')
    const relay = enabledServices(readCompose(env)).get('relay')
    if (relay === undefined) return t.fail('the relay would not start')
    t.throws(() => loadConfig(containerEnv(relay, env), noFiles), { message: /BITRIX24_PORTAL_URL is missing/ })
  })

  t.test('never starts two relays by itself', async t => {
    for (const env of [{}, filledIn]) t.ok(Number(service(readCompose(env), 'relay').deploy?.replicas) <= 1)
  })
})

t.test('the profile tls', async t => {
  const env = { ...filledIn, RELAY_DOMAIN: 'relay.example.com' }
  const compose = readCompose(env)

  t.test('puts Caddy in front of the relay, which trusts it alone to name a client', async t => {
    t.same([...enabledServices(compose, 'tls').keys()], ['relay', 'caddy'])
    t.equal(loadConfig(containerEnv(service(compose, 'relay'), env), noFiles).trustProxy, 1)
    t.match(service(compose, 'caddy').ports, ['80:80', '443:443', '443:443/udp'])
  })

  t.test('leaves it to .env who is trusted when Caddy is not there', async t => {
    const own = { ...filledIn, TRUST_PROXY: '10.0.0.0/8' }
    t.same(loadConfig(containerEnv(service(readCompose(own), 'relay'), own), noFiles).trustProxy, ['10.0.0.0/8'])
  })

  t.test('gives Caddy the domain and the place of the relay', async t => {
    const caddyfile = readFileSync(join(root, 'docker/Caddyfile'), 'utf8')
    t.match(caddyfile, /^\{\$RELAY_DOMAIN:localhost\} \{$/m)
    t.match(caddyfile, /reverse_proxy relay:3000/)
    t.same(service(compose, 'caddy').environment, ['RELAY_DOMAIN'])
  })
})

t.test('the profile postgres', async t => {
  const env = { ...filledIn, POSTGRES_PASSWORD: 'pg-password', RELAY_DATABASE_URL: 'postgres://relay:pg-password@postgres:5432/relay', RELAY_PORT: '0', TRUST_PROXY: '1' }
  const compose = readCompose(env)

  t.test('starts a PostgreSQL, relays that use it, and a balancer that has their address', async t => {
    t.same([...enabledServices(compose, 'postgres').keys()], ['relay', 'balancer', 'postgres'])
    const relay = service(compose, 'relay')
    const config = loadConfig(containerEnv(relay, env), noFiles)
    t.match(config, { databaseUrl: env.RELAY_DATABASE_URL, trustProxy: 1 })
    t.match(service(compose, 'postgres').environment, { POSTGRES_USER: 'relay', POSTGRES_DB: 'relay', POSTGRES_PASSWORD: 'pg-password' })
    t.same(relay.ports, ['127.0.0.1:0:3000'], 'each relay has a port of its own')
    t.same(service(compose, 'balancer').ports, ['127.0.0.1:3000:3000'])
    t.match(relay.depends_on, { postgres: { condition: 'service_healthy', required: false } }, 'which plain up does not need')
  })

  t.test('has the balancer leave to another relay what one did not take', async t => {
    const [file = '', target] = service(compose, 'balancer').volumes?.[0]?.split(':') ?? []
    t.equal(target, '/etc/nginx/nginx.conf')
    const configuration = readFileSync(join(root, file), 'utf8')
    t.match(configuration, /server relay:3000 resolve /)
    t.match(configuration, /listen 3000;/)
    t.match(configuration, /proxy_next_upstream error timeout non_idempotent;/)
  })
})

t.test('the profile sandbox', async t => {
  const compose = readCompose({})
  const started = enabledServices(compose, 'sandbox')

  t.test('starts without .env, and without the relay that needs one', async t => {
    t.same([...started.keys()], ['sandbox', 'relay-sandbox', 'conversation'])
    for (const { env_file: files } of started.values()) t.equal(files, undefined)
  })

  t.test('gives its relay a configuration that the sandbox knows', async t => {
    const config = loadConfig(containerEnv(service(compose, 'relay-sandbox'), {}), noFiles)
    const application = applications.find(({ name }) => name === 'relay')
    t.match(config.portal, { clientId: application?.clientId, clientSecret: application?.clientSecret, refreshToken: application?.firstRefreshToken })
    t.match(config.channels.get('default'), { connector: connectorId, line: activeLines[0] })
  })

  t.test('lets the relay reach the sandbox as loopback, at the port of its image', async t => {
    const config = loadConfig(containerEnv(service(compose, 'relay-sandbox'), {}), noFiles)
    const port = /FROM base AS sandbox\n[^]*?^ENV HOST=0\.0\.0\.0 PORT=(\d+)$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1]
    t.equal(config.portal.url, `http://127.0.0.1:${port}`)
    t.equal(config.portal.oauthUrl, config.portal.url)
    for (const name of ['relay-sandbox', 'conversation']) t.equal(service(compose, name).network_mode, 'service:sandbox')
    t.same(service(compose, 'sandbox').ports, [`127.0.0.1:${port}:${port}`, `127.0.0.1:3001:${config.port}`])
  })

  t.test('keeps nothing, since the sandbox forgets its tokens', async t => {
    t.equal(service(compose, 'relay-sandbox').volumes, undefined)
    t.match(service(compose, 'relay-sandbox').tmpfs?.[0], /^\/data:uid=1000,/)
  })

  t.test('stands beside a relay that serves a real portal', async t => {
    const both = readCompose(filledIn)
    const ports = [...enabledServices(both, 'sandbox').values()].flatMap(({ ports = [] }) => ports.map(port => port.split(':')[1]))
    t.same(ports, ['3000', '4000', '3001'])
    t.match(loadConfig(containerEnv(service(both, 'relay-sandbox'), filledIn), noFiles).portal.url, 'http://127.0.0.1:4000')
  })
})

t.test('every service', async t => {
  const compose = readCompose({})
  for (const [name, { read_only: readOnly, cap_drop: dropped, security_opt: options, mem_limit: memory, pids_limit: processes }] of Object.entries(compose.services)) {
    t.match({ memory, processes }, { memory: /^(512m|1g)$/, processes: 256 }, `${name} cannot use up the machine`)
    t.match({ readOnly, dropped, options }, { readOnly: true, dropped: ['ALL'], options: ['no-new-privileges:true'] }, `${name} has no more rights than it needs`)
  }
  t.same(Object.entries(compose.services).filter(([, { cap_add: added }]) => added !== undefined).map(([name]) => name), ['caddy'])

  for (const profile of [undefined, 'tls', 'postgres', 'sandbox']) {
    const started = enabledServices(readCompose(filledIn), profile)
    for (const [name, { depends_on: needs = [], network_mode: network }] of started) {
      const isRequired = ([, need]: [string, unknown]) => (need as { required?: boolean }).required !== false
      const needed = [...(Array.isArray(needs) ? needs : Object.entries(needs).filter(isRequired).map(([other]) => other)), ...(network === undefined ? [] : [network.replace('service:', '')])]
      t.ok(needed.every(other => started.has(other)), `${name} finds what it needs in ${profile ?? 'plain up'}`)
    }
  }
})

function service (compose: Compose, name: string): Service {
  const found = compose.services[name]
  if (found === undefined) throw new Error(`there is no service ${name}`)
  return found
}

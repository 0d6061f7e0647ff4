import t, { type Test } from 'tap'
import { once } from 'node:events'
import { createLog } from '../../src/log.ts'
import { createRedis } from '../../src/redis.ts'
import { startRedis } from '../redis.ts'
import { buildRelay, edit, webhook } from '../relay.ts'

const url = await startRedis(t)
const forged = { key: Buffer.alloc(24, 1) }

/** A relay that counts at `url`, with what its connection logs. */
async function start (t: Test, url: string) {
  const lines: string[] = []
  const redis = createRedis(url, createLog('info', { write: line => { lines.push(line) } }))
  t.teardown(() => redis.disconnect())
  const { app } = await buildRelay(t, { env: { WEBHOOK_RATE_LIMIT: '3' }, dependencies: { redis } })
  const send = async (changes: Parameters<typeof webhook>[1] = {}) => (await app.inject(webhook(edit(), changes))).statusCode
  return { redis, lines, send }
}

t.test('relays on one Redis count webhooks together, and failures apart', { skip: url === null && process.env.CI === undefined && 'there is no redis-server here, and no TEST_REDIS_URL' }, async t => {
  for (const statuses of [[202, 202, 401], [202, 429, 401]]) {
    await t.test('one of the relays', async t => {
      const { redis, send } = await start(t, url as string)
      if (redis.status !== 'ready') await once(redis, 'ready')
      t.strictSame([await send(), await send(), await send(forged)], statuses)
    })
  }
})

t.test('while Redis is away webhooks are taken, and the log says so once and without the password', async t => {
  const { redis, lines, send } = await start(t, 'redis://:hidden@127.0.0.1:1/0')
  for (let tries = 0; tries < 2; tries++) await new Promise(resolve => redis.once('reconnecting', resolve))
  for (let count = 0; count < 5; count++) t.equal(await send(), 202)
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), { event: 'redis.away' })
  t.notMatch(lines.join(''), 'hidden')
})

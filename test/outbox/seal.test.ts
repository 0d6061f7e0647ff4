import t from 'tap'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { databasePath, openStore } from '../../src/outbox/open.ts'
import { PORTAL } from './edits.ts'

const tokens = { accessToken: 'access-secret', refreshToken: 'refresh-secret', accessExpiresAt: 1 }

t.test('with a key no token stands in the file, and only the key reads them', async t => {
  const folder = t.testdir()
  const databaseUrl = `file:${folder}/relay.db`
  const encryptionKey = randomBytes(32)
  const reopen = async (key: Buffer | null) => {
    const store = await openStore({ databaseUrl, encryptionKey: key, now: () => 1, lockWaitMs: 2000 })
    t.teardown(() => store.close())
    return store
  }
  const store = await reopen(encryptionKey)
  await store.portals.write(PORTAL, { tokens, applicationToken: 'application-secret', memberId: 'member' })
  t.match(await store.portals.read(PORTAL), { tokens, applicationToken: 'application-secret' })
  await store.close()
  const bytes = ['relay.db'].map(name => readFileSync(join(folder, name), 'latin1')).join('')
  for (const secret of ['access-secret', 'refresh-secret', 'application-secret']) t.notOk(bytes.includes(secret))

  const other = await reopen(randomBytes(32))
  await t.rejects(other.portals.read(PORTAL), { message: /ENCRYPTION_KEY is not the key that they were stored with/ })
  await other.close()
  const none = await reopen(null)
  await t.rejects(none.portals.read(PORTAL), { message: /set ENCRYPTION_KEY to the key/ })
})

t.test('tokens stored before there was a key are read as they are', async t => {
  const databaseUrl = `file:${t.testdir()}/relay.db`
  const plain = await openStore({ databaseUrl, encryptionKey: null, now: () => 1 })
  await plain.portals.write(PORTAL, { tokens })
  await plain.close()
  const sealed = await openStore({ databaseUrl, encryptionKey: randomBytes(32), now: () => 1 })
  t.teardown(() => sealed.close())
  t.match(await sealed.portals.read(PORTAL), { tokens })
})

t.test('a database URL is a path, relative to the working directory unless it begins with a slash', async t => {
  t.equal(databasePath('file:./data/relay.db'), './data/relay.db')
  t.equal(databasePath('file:/data/relay.db'), '/data/relay.db')
  t.equal(databasePath('file:///data/with%20space/relay.db'), '/data/with space/relay.db')
})

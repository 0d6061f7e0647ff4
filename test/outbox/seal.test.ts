import t from 'tap'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { databasePath, openStore } from '../../src/outbox/open.ts'
import { sealPortals } from '../../src/outbox/seal.ts'
import { createMemoryPortals } from '../bitrix24/memory-portals.ts'
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
  const beforeImport = { tokens: { accessToken: 'former-access', refreshToken: 'former-refresh', accessExpiresAt: 1 }, clientId: 'local.relay', importedToken: null }
  await store.portals.write(PORTAL, { tokens, applicationToken: 'application-secret', memberId: 'member', beforeImport })
  t.match(await store.portals.read(PORTAL), { tokens, applicationToken: 'application-secret', beforeImport })
  await store.close()
  const bytes = ['relay.db'].map(name => readFileSync(join(folder, name), 'latin1')).join('')
  for (const secret of ['access-secret', 'refresh-secret', 'application-secret', 'former-access', 'former-refresh']) t.notOk(bytes.includes(secret))

  const other = await reopen(randomBytes(32))
  await t.rejects(other.portals.read(PORTAL), { message: /ENCRYPTION_KEY is not the key with which they were stored/ })
  await other.close()
  const none = await reopen(null)
  await t.rejects(none.portals.read(PORTAL), { message: /set ENCRYPTION_KEY to the key/ })
})

t.test('a secret that was moved to the record of another portal is refused', async t => {
  const memory = createMemoryPortals()
  const portals = sealPortals(memory.portals, randomBytes(32))
  const seal = async (portal: string) => {
    await portals.write(portal, { tokens, applicationToken: 'application-secret' })
    return { tokens: memory.record().tokens ?? tokens, applicationToken: memory.record().applicationToken }
  }
  const [theirs, ours] = [await seal('other.bitrix24.ru'), await seal(PORTAL)]
  t.match(await portals.read(PORTAL), { tokens, applicationToken: 'application-secret' })
  const { accessToken, refreshToken } = theirs.tokens
  for (const moved of [{ tokens: { ...ours.tokens, accessToken } }, { tokens: { ...ours.tokens, refreshToken } }, { applicationToken: theirs.applicationToken }]) {
    await memory.portals.write(PORTAL, { ...ours, ...moved })
    await t.rejects(portals.read(PORTAL), { message: /cannot be decrypted/ })
  }
})

t.test('a secret that was changed in the file is refused, and no two seals of it are alike', async t => {
  const memory = createMemoryPortals()
  const portals = sealPortals(memory.portals, randomBytes(32))
  const seal = async () => {
    await portals.write(PORTAL, { applicationToken: 'application-secret' })
    return memory.record().applicationToken ?? ''
  }
  const [first, second] = [await seal(), await seal()]
  t.not(first, second)
  const bytes = Buffer.from(second.split(':').at(-1) ?? '', 'base64')
  for (const at of [0, 12, bytes.length - 1]) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    await memory.portals.write(PORTAL, { applicationToken: `sealed:1:${changed.toString('base64')}` })
    await t.rejects(portals.read(PORTAL), { message: /cannot be decrypted/ }, `byte ${at}`)
  }
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

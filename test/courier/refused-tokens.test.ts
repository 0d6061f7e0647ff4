import t from 'tap'
import { startPostgres } from '../postgres.ts'
import { eventually, original, startPortal } from '../portal.ts'
import { openStore } from '../../src/outbox/open.ts'
import type { Portals } from '../../src/outbox/portals.ts'
import { attach } from './harness.ts'

const postgres = await startPostgres()
t.teardown(() => postgres.stop())

/** As an install does: it waits for nobody, and whatever parked the portal is over. */
async function install (portals: Portals, portal: string): Promise<void> {
  await portals.write(portal, { tokens: { accessToken: '', refreshToken: 'relay-refresh', accessExpiresAt: null }, parked: null, refreshStartedAt: null, refreshTries: 0 })
}

for (const engine of ['SQLite', 'PostgreSQL']) {
  t.test(`${engine}: an install is not parked over for the sake of the tokens that were refused just before it`, async t => {
    const portal = await startPortal(t)
    await (await portal.connector()).send([original('m1')])
    const databaseUrl = engine === 'SQLite' ? `file:${t.testdir()}/relay.db` : await postgres.schema()
    // Of several relays on a PostgreSQL, another one may take the install.
    const other = engine === 'SQLite' ? null : await openStore({ databaseUrl, encryptionKey: null, now: Date.now })
    t.teardown(() => other?.close())
    const refused: string[] = []
    const { take, courier, store, state, logged } = await attach(t, portal, databaseUrl, {
      refreshToken: 'revoked',
      async onCalled (result) {
        if (result.kind !== 'refused') return
        refused.push(result.code)
        await install((other ?? store).portals, store.portal)
      },
    })
    await take({ message: 'm1', text: 'edited', at: 1 })
    courier.start()
    t.match(await eventually(async () => await state('m1'), row => row?.state === 'delivered'), { state: 'delivered' })
    t.equal(await portal.text('m1'), 'edited')
    t.strictSame(refused, ['invalid_grant'])
    t.match(await store.portals.read(store.portal), { parked: null })
    t.match(courier.condition(), { portal: 'ready' })
    t.match(logged.filter(line => /^portal\./.test(String(line.event))), [{ event: 'portal.parked', code: 'invalid_grant' }, { event: 'portal.woken' }])
  })
}

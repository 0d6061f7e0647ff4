import t from 'tap'
import { sandboxEnv, startRelayProcess, type Running } from '../../demo/processes.ts'
import { signStandardWebhook } from '../../src/signatures/standard-webhooks.ts'
import { KEY, SECRET } from '../channel.ts'
import { eventually, original, startPortal } from '../portal.ts'
import { startPostgres } from '../postgres.ts'
import { ADMIN_TOKEN } from './console.ts'

t.test('each relay on a database shows the same pages in the same session', async t => {
  const postgres = await startPostgres()
  t.teardown(() => postgres.stop())
  const portal = await startPortal(t)
  await (await portal.connector()).send(['m1', 'm2', 'm3'].map(message => original(message)))
  const env = { ...sandboxEnv(portal.url), WEBHOOK_SECRET: SECRET, SETTLE_MS: '0', ADMIN_TOKEN, PUBLIC_URL: 'http://127.0.0.1:9', DATABASE_URL: await postgres.schema() }
  const relays = await Promise.all([startRelayProcess(env), startRelayProcess(env)]) as [Running, Running]
  t.teardown(() => Promise.all(relays.map(relay => relay.stop())))

  const send = async (relay: Running, message: string, text: string, email?: string): Promise<void> => {
    const { user, chat } = original(message)
    const body = JSON.stringify({ type: 'message.edited', data: { user: { ...user, ...email === undefined ? {} : { id: 'u-new', email } }, message: { id: message, edited_at: Date.now(), text }, chat } })
    const { status } = await fetch(`${relay.url}/webhooks/default`, { method: 'POST', headers: { 'content-type': 'application/json', ...signStandardWebhook(KEY, body, Date.now()) }, body })
    t.equal(status, 202)
  }
  const [one, other] = relays
  const signedIn = await fetch(`${one.url}/console/sign-in`, { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' }, body: new URLSearchParams({ token: ADMIN_TOKEN }), redirect: 'manual' })
  const cookie = signedIn.headers.getSetCookie()[0]?.split(';')[0] as string
  /** A page without what differs from second to second. */
  const read = async (relay: Running, path: string): Promise<string> => {
    const answer = await fetch(`${relay.url}/console${path}`, { headers: { cookie } })
    t.equal(answer.status, 200, path)
    return (await answer.text()).replaceAll(/(<time [^>]+>)[^<]+/g, '$1')
  }
  const counted = async (relay: Running, what: string): Promise<void> => { t.match(await eventually(() => read(relay, '/channels'), page => page.includes(what)), what) }

  await send(one, 'm1', 'delivered')
  await send(other, 'm2', ' ')
  await send(other, 'm3', 'rejected', 'no address')
  await eventually(() => read(other, '/edits?state=pending'), page => !page.includes('m1'))
  await portal.fault({ method: 'imconnector.update.messages', fault: { error: 'NOT_ACTIVE_LINE', status: 400 }, times: 1000 })
  await send(one, 'm1', 'the line is switched off')
  for (const relay of relays) {
    await counted(relay, 'webhooks: <b>4</b>')
    await counted(relay, 'delivered: <b>1</b>')
    t.match(await eventually(() => read(relay, ''), page => page.includes('NOT_ACTIVE_LINE')), 'NOT_ACTIVE_LINE')
  }

  const edits = [...(await read(one, '/edits')).matchAll(/href="\/console(\/edits\/[^"]+)"/g)].map(([, path = '']) => path)
  t.equal(new Set(edits).size, 3)
  for (const path of ['', '/edits', '/edits?state=delivered', '/edits?chat=c1', '/dead', '/redeliver?reason=rejected', '/channels', ...edits]) t.equal(await read(other, path), await read(one, path), path)
})

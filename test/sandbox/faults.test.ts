import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { faultTable, type FaultName } from '../../sandbox/faults.ts'
import { build, item, refresh, type Answer, type Fixture } from './helper.ts'

const update = 'imconnector.update.messages'

/** How a call ended for the client: an answer, a cut, or nothing within the time given. */
async function outcome (portal: Fixture, body: unknown, waitMs = 300): Promise<Answer | 'cut' | 'silent'> {
  const call = portal.post(`/rest/${update}`, { CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: body, auth: portal.token }).catch(() => 'cut' as const)
  return await Promise.race([call, setTimeout(waitMs, 'silent' as const)])
}

t.test('each fault leaves the call applied or not and the connection open or cut as the table says', async t => {
  for (const fault of Object.keys(faultTable) as FaultName[]) {
    await t.test(fault, async t => {
      const portal = await build(t)
      await portal.send(item('original', { id: 'a' }), item('original', { id: 'b' }))
      await portal.fault({ method: update, fault, afterMs: 60_000 })
      const end = await outcome(portal, [item('edited', { id: 'a' }), item('edited', { id: 'b' })])
      const { applied, connection } = faultTable[fault]
      t.equal(end === 'cut' ? 'closed' : end === 'silent' ? 'silent' : 'kept', connection, 'connection')

      const texts = async (): Promise<string> => (await portal.messages()).map(({ text }) => text).join()
      const expected = { no: 'original,original', late: 'original,original', yes: 'edited,edited', partly: 'edited,original' }
      t.equal(await texts(), expected[applied], 'what the portal holds')
      if (applied === 'late') {
        await portal.advance(59_000)
        t.equal(await texts(), expected.no, 'not yet')
        await portal.advance(1_000)
        t.equal(await texts(), expected.yes, 'as soon as its time has come')
      }
      t.match((await portal.calls()).at(-1), { method: update, fault, application: 'local.connector', messages: 2 })
      const renewed = fault === 'expired-token' ? await portal.renewed() : portal
      t.equal((await renewed.update(item('after', { id: 'a' }))).status, 200, 'it strikes once')
    })
  }
})

t.test('the faults that answer say what the real ones say', async t => {
  const portal = await build(t)
  const answer = async (fault: unknown, more = {}): Promise<Answer> => {
    await portal.fault({ method: update, fault, ...more })
    return await outcome(portal, []) as Answer
  }
  t.match(await answer('503'), { status: 503, json: { error: 'QUERY_LIMIT_EXCEEDED', error_description: 'Too many requests' } })
  t.match(await answer(429), { status: 429, json: { error: 'OPERATION_TIME_LIMIT' } })
  t.match(await answer('500'), { status: 500, json: { error: 'INTERNAL_SERVER_ERROR' } })
  t.match(await answer('html-502'), { status: 502, text: /^<html>/, json: undefined })
  const moved = await answer('redirect')
  t.equal(moved.status, 302)
  t.equal(moved.headers.get('location'), `https://moved.bitrix24.example/rest/${update}`)
  t.equal((await answer('redirect', { location: 'https://new.example.com/' })).headers.get('location'), 'https://new.example.com/')
  await portal.fault({ method: update, error: 'ACCESS_DENIED', status: 401 })
  t.match(await outcome(portal, []), { status: 401, json: { error: 'ACCESS_DENIED' } }, 'the code may stand beside the method')
  t.match(await answer({ error: 'PORTAL_DELETED', status: 403 }), { status: 403, json: { error: 'PORTAL_DELETED' } })
  const paused = await answer({ error: 'OVERLOAD_LIMIT', status: 503, description: 'REST API is blocked due to overload.' }, { retryAfter: 7 })
  t.match(paused.json, { error_description: 'REST API is blocked due to overload.' })
  t.equal(paused.headers.get('retry-after'), '7')
})

t.test('an expired token stays expired and the refresh token beside it works', async t => {
  const portal = await build(t)
  await portal.fault({ fault: 'expired-token' })
  t.match(await portal.call('profile'), { status: 401, json: { error: 'expired_token' } })
  t.match(await portal.call('profile'), { status: 401, json: { error: 'expired_token' } })
  t.equal((await (await portal.renewed()).call('profile')).status, 200)
})

t.test('a fault can wait for one message and break the chunk just there', async t => {
  const portal = await build(t)
  await portal.send(...['a', 'b', 'c'].map(id => item('original', { id })))
  await portal.fault({ method: update, fault: '500-partial', times: 2, match: { message: 'b' } })
  t.equal((await portal.update(item('edited', { id: 'c' }))).status, 200, 'another message')
  t.equal((await portal.update(...['a', 'b', 'c'].map(id => item('again', { id })))).status, 500)
  t.same((await portal.messages()).map(({ text }) => text), ['again', 'original', 'edited'])
  t.equal((await portal.update(item('alone', { id: 'b' }))).status, 500, 'for as often as it was asked to')
  t.equal((await portal.update(item('alone', { id: 'b' }))).status, 200)
})

t.test('faults strike in their order, for their method, and can be taken back', async t => {
  const portal = await build(t)
  await portal.fault({ method: update, fault: '503', times: 2 }, { method: 'profile', fault: '500' }, { fault: 'html-502' })
  t.equal((await portal.call('profile')).status, 500)
  t.equal((await portal.call('profile')).status, 502, 'a fault without a method strikes any')
  t.equal((await portal.call('profile')).status, 200)
  t.equal((await portal.update()).status, 503)
  t.match((await portal.get('/sandbox/faults')).json, { faults: [{ method: update, fault: '503', times: 1 }] })
  await portal.fault()
  t.equal((await portal.update()).status, 200)
})

t.test('a refresh whose answer is lost has used its token up', async t => {
  const portal = await build(t)
  await portal.fault({ method: 'oauth.token', fault: 'lost-answer' })
  const again = async (): Promise<Answer> => await refresh(portal.url, 'local.relay', 'relay-secret', 'relay-refresh')
  await t.rejects(again())
  t.match(await again(), { status: 400, json: { error: 'invalid_grant' } })
})

t.test('a refresh that was cut before it was read can be repeated', async t => {
  const portal = await build(t)
  const again = async (): Promise<Answer> => await refresh(portal.url, 'local.relay', 'relay-secret', 'relay-refresh')
  for (const fault of ['reset', 'html-502', '500', '503', { error: 'PAYMENT_REQUIRED', status: 401 }]) {
    await portal.fault({ method: 'oauth.token', fault })
    const answer = await again().catch(() => undefined)
    t.not(answer?.status, 200)
  }
  t.equal((await again()).status, 200)
  const calls = (await portal.calls()).filter(({ method, application }) => method === 'oauth.token' && application === 'local.relay')
  t.match(calls.map(({ status, error }) => [status, error]), [
    [null, null], [502, null], [500, 'INTERNAL_SERVER_ERROR'], [503, 'QUERY_LIMIT_EXCEEDED'], [401, 'PAYMENT_REQUIRED'], [200, null],
  ])
})

t.test('a late call is applied by waiting, too, and a reset forgets it', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  await portal.fault({ method: update, fault: 'applied-late', afterMs: 50 })
  t.equal(await outcome(portal, [item('late')]), 'cut')
  for (let tries = 0; tries < 100 && (await portal.message('m1')).text !== 'late'; tries++) await setTimeout(10)
  t.equal((await portal.message('m1')).text, 'late')
  await portal.fault({ method: update, fault: 'applied-late', afterMs: 60_000 })
  await outcome(portal, [item('never')])
  await portal.post('/sandbox/reset', {})
  await portal.advance(120_000)
  t.same(await portal.messages(), [])
})

t.test('a fault that applies does not apply what the portal would refuse', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  await portal.fault({ method: update, fault: 'applied-then-timeout' })
  const call = portal.post(`/rest/${update}`, { CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: [item('edited')], auth: 'wrong' }).catch(() => undefined)
  await Promise.race([call, setTimeout(100)])
  t.equal((await portal.message('m1')).text, 'original')
})

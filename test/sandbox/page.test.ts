import t from 'tap'
import { build, item } from './helper.ts'

t.test('the page comes with its parts and lets no other script in', async t => {
  const portal = await build(t)
  const page = await portal.get('/')
  t.equal(page.status, 200)
  t.match(page.headers.get('content-security-policy'), "default-src 'none'; script-src 'self'")
  t.notMatch(page.text, /https?:\/\//, 'nothing from elsewhere')
  for (const [, path] of page.text.matchAll(/(?:src|href)="(\/[^"]+)"/g)) t.equal((await portal.get(path ?? '')).status, 200)
  t.notMatch((await portal.get('/page.js')).text, /innerHTML|insertAdjacentHTML|document\.write/)
})

t.test('the page is told what happens while it happens', { timeout: 10_000 }, async t => {
  const portal = await build(t)
  await portal.send(item('<b>first</b>'))
  const response = await fetch(`${portal.url}/live`)
  t.equal(response.headers.get('content-type'), 'text/event-stream')
  const events = readEvents(response)
  t.match(await events.next(), { value: { event: 'snapshot', data: [{ text: '<b>first</b>', body: ['<b>first</b>'], userName: 'Ivan Petrov', edited: false }] } })
  await portal.update(item('[B]second[/B]'))
  const body = [{ name: 'b', attributes: {}, children: ['second'] }]
  t.match(await events.next(), { value: { event: 'messages', data: [{ text: '[B]second[/B]', plain: 'second', body, edited: true, history: [{}, { body }] }] } })
  await portal.update(item('[br]'))
  t.match(await events.next(), { value: { event: 'messages', data: [{ deleted: true }] } })
  await portal.post('/sandbox/reset', {})
  t.match(await events.next(), { value: { event: 'snapshot', data: [] } })
  await events.return(undefined)
})

t.test('an operator edits a message on the page, which shows the result', { timeout: 10_000 }, async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  t.match((await portal.get('/page.js')).text, /fetch\('\/sandbox\/operator-edit'/)
  const events = readEvents(await fetch(`${portal.url}/live`))
  const { value } = await events.next() as { value: { data: Array<{ id: number }> } }
  t.equal((await portal.post('/sandbox/operator-edit', { id: value.data[0]?.id, text: 'by the operator' })).status, 200)
  t.match(await events.next(), { value: { event: 'messages', data: [{ text: 'by the operator', edited: true }] } })
  await events.return(undefined)
})

async function * readEvents (response: Response): AsyncGenerator<{ event: string, data: unknown }> {
  if (response.body === null) return
  let buffered = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    buffered += chunk
    for (let end = buffered.indexOf('\n\n'); end !== -1; end = buffered.indexOf('\n\n')) {
      const [event, data] = buffered.slice(0, end).split('\n').map(line => line.slice(line.indexOf(':') + 2))
      buffered = buffered.slice(end + 2)
      yield { event: event ?? '', data: JSON.parse(data ?? 'null') }
    }
  }
}

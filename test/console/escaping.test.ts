import t from 'tap'
import { exact, html, link } from '../../src/console/html.ts'
import { ADMIN_TOKEN, startConsole } from './console.ts'
import { webhook } from '../relay.ts'

const HARMFUL = '"><script>alert(1)</script><img src=x onerror=alert(1)> \' javascript:alert(1) [url=javascript:alert(1)]x[/url] \u202Egnp.exe\u2066\u200F\u0007'

t.test('a value is never markup', async t => {
  t.equal(html`<a title="${HARMFUL}">${HARMFUL}</a>`.text.replace(/^<a title="|<\/a>$/g, '').match(/[<>"'\u202E\u2066\u200F]/g)?.join(''), '">', 'only our own')
  t.equal(html`${'<b>'}${html`<b>`}${['<', html`<i>`, 1]}${null}${undefined}${false}`.text, '&lt;b&gt;<b>&lt;<i>1')
  t.match(html`${'a\u202Eb'}`.text, /a\[U\+202E\]b/)
  t.equal(html`${'два\n👍🏽\tשלום ❤️ 👨‍👩‍👧 می‌خواهم'}`.text, 'два\n👍🏽\tשלום ❤️ 👨‍👩‍👧 می‌خواهم', 'writing of any language stays')
  t.equal(html`${'a\u00ADb\u3164c\u206Ad\u{E0041}e\u115F'}`.text, 'a[U+00AD]b[U+3164]c[U+206A]d[U+E0041]e[U+115F]', 'two ids cannot look alike')
  t.equal(html`${exact('a"\u202E<')}`.text, 'a&quot;&#x202E;&lt;', 'a field of a form comes back as it is')
  for (const address of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', ' javascript:x', 'data:text/html,x', '//evil.example', 'vbscript:x']) t.notMatch(link(address, 'x').text, /href/, address)
})

t.test('what clients send acts on no page that shows it', async t => {
  const verify = async () => ({ found: true, text: HARMFUL, expected: HARMFUL, matches: false, note: { id: 'failed' as const, values: { words: HARMFUL }, text: HARMFUL } })
  const { browser, send, finish } = await startConsole(t, { dependencies: { readBack: { verify, ids: async () => { throw new Error('unused') } } } })
  const message = '"><script>alert(1)</script>\u202E'
  const user = { id: '"><script>alert(1)</script>', name: HARMFUL, last_name: HARMFUL }
  const id = await send(message, HARMFUL, '"><img onerror=alert(1)>\u202E', user)
  await finish(id, 'dead', { code: 'ok', words: HARMFUL })
  const { get, post } = await browser()
  const payload = webhook({ user, message: { id: message, text: HARMFUL, files: [{ url: 'javascript:alert(1)', name: HARMFUL }] }, chat: { id: 'c', name: HARMFUL } }).payload as string
  const pages = [
    await get(`/console/edits/${id}`), await get('/console/edits'), await get(`/console/edits?message=${encodeURIComponent(HARMFUL)}&chat=${encodeURIComponent(HARMFUL)}&channel=${encodeURIComponent('"><script>')}`),
    await get(`/console/redeliver?chat=${encodeURIComponent('"><img onerror=alert(1)>\u202E')}`), await post(`/console/edits/${id}/text`), await post(`/console/edits/${id}/verify`),
    await post('/console/channels/default/preview', { payload, headers: `webhook-id: ${HARMFUL.replaceAll('\n', ' ')}` }), await post('/console/channels/default/preview', { payload: '{"type":"<script>alert(1)</script>"}' }),
    await post('/console/redeliver', { message: HARMFUL }),
  ]
  for (const { statusCode, body } of pages) {
    t.equal(statusCode, 200)
    t.notMatch(body.replace(/"[^"]*"/g, '""'), /<script>|<img|onerror=[^<]*>|javascript:[^<]*>/)
    t.notMatch(body, /<script>|<img|href="(?!\/console|#)|src="(?!\/console)|[\u202E\u2066\u200F]/)
    t.notOk(body.includes('\u0007'))
    t.notMatch(body, /<b>Free/, 'BB code is text')
  }
  t.match(pages[4]?.body, /\[url=javascript:alert\(1\)\]x\[\/url\]|javascript:alert\(1\)/, 'as it was written')
  t.ok(ADMIN_TOKEN)
})

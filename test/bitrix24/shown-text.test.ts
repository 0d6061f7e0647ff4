import t from 'tap'
import { isShownAs } from '../../src/bitrix24/shown-text.ts'
import { formatText } from '../../src/text/format.ts'

const shown = (sent: string, text: string, legacyText = '') => isShownAs(sent, { text, legacyText })

t.test('a text that the portal shows in its own way is the same text', t => {
  for (const [sent, text, legacyText] of [
    ['Hello', 'Hello'],
    ['  two\r\n\r\nlines ', 'two\nlines'],
    ['[B]bold[/B] and [URL=https://e.com/a]a link[/URL]', '[b]bold[/b] and [URL=https://e.com/a]a link[/URL]'],
    ['see https://e.com/?a=1&b=2', 'see [URL]https://e.com/?a=1&b=2[/URL]'],
    ['[b]bold[/b] & <more>', 'something that is in neither form', '<b>bold</b> &amp; &lt;more&gt;'],
    ['one\ntwo', '', 'one<br />two'],
    ['a smile :)', 'a smile :)', 'a smile <img src="/smile.png" alt=":)">'],
    ['\u{1F600} and :f09f9880:', ':f09f9880: and \u{1F600}'],
    [formatText('[b]not bold[/b] &amp; [send=/pay]', 'plain'), formatText('[b]not bold[/b] &amp; [send=/pay]', 'plain')],
    ['a[BR]b', 'a\nb'],
    ['x&#91;1&#93; "y"&nbsp;z', 'x[1] "y" z'],
  ] as const) t.ok(shown(sent, text, legacyText), `${sent} | ${text} | ${legacyText}`)
  t.end()
})

t.test('another text is another text', t => {
  for (const [sent, text, legacyText] of [
    ['Hello', 'hello'],
    ['Hello', 'Hello!'],
    ['Hello', ''],
    ['1 < 2', '1 2', '1 2'],
    [formatText('[b]typed[/b]', 'plain'), '[b]typed[/b]', '<b>typed</b>'],
    ['price 10', 'price [s]100[/s]'],
    [':ffffffff:', ':eeeeeeee:'],
  ] as const) t.notOk(shown(sent, text, legacyText), `${sent} | ${text}`)
  t.end()
})

t.test('a client cannot write a text that takes long to compare', t => {
  const startedAt = performance.now()
  for (const piece of ['[a=', '<a ', ':ab', '&lt', '[', '[/url=[']) shown(piece.repeat(20_000 / piece.length), piece.repeat(20_000 / piece.length), piece.repeat(40_000))
  t.ok(performance.now() - startedAt < 500)
  t.end()
})

t.test('a long text is compared as the portal cuts it', t => {
  const long = '\u{1F600}'.repeat(20_007)
  const cut = `${'\u{1F600}'.repeat(20_000)} (...)`
  t.ok(shown(long, cut))
  t.notOk(shown(long, long))
  t.ok(shown('ы'.repeat(20_006), 'ы'.repeat(20_006)))
  t.end()
})

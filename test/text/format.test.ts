import t from 'tap'
import { toEdit } from '../../src/messengers/generic/edit.ts'
import { genericEdit } from '../../src/messengers/generic/schema.ts'
import { formatText, TEXT_FORMATS } from '../../src/text/format.ts'

t.test('plain text is shown as it is, and BB code of a trusted sender acts', async t => {
  t.equal(formatText('[b]x[/b]', 'plain'), '[\u200Bb]x[\u200B/b]')
  t.equal(formatText('[b]x[/b]', 'bbcode'), '[b]x[/b]')
})

t.test('the markup of a messenger becomes BB code, and BB code in it does not act', async t => {
  t.equal(formatText('*bold* [b]', 'whatsapp'), '[B]bold[/B] [\u200Bb]')
  t.equal(formatText('*bold* &amp;lt; <https://e.com|here>', 'slack'), '[B]bold[/B] &\u200Blt; [URL=https://e.com]here[/URL]')
})

t.test('a generic webhook can name each format', async t => {
  for (const format of TEXT_FORMATS) {
    const text = '*a* [b] <@U1>'
    const edit = genericEdit.parse({ user: { id: 1 }, message: { id: 2, text, format }, chat: { id: 3 } })
    t.equal(toEdit(edit, 1).message.text, formatText(text, format), format)
  }
})

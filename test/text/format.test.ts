import t from 'tap'
import { formatText } from '../../src/text/format.ts'

t.test('plain text is shown as it is, and BB code of a trusted sender acts', async t => {
  t.equal(formatText('[b]x[/b]', 'plain'), '[\u200Bb]x[\u200B/b]')
  t.equal(formatText('[b]x[/b]', 'bbcode'), '[b]x[/b]')
})

import t from 'tap'
import { isBlankForPortal } from '../../src/text/blank.ts'
import { neutralise } from '../../src/text/neutralise.ts'

t.test('what the portal would delete is blank', async t => {
  for (const text of ['', ' ', ' \t\r\n\v\0', '[BR]', '[br] [Br]', '#BR#', '&nbsp;', '&amp;nbsp;', '&#32;&#x20;', '&#91;BR&#93;', ':20202020:', ' [br]&nbsp;#br# ']) {
    t.equal(isBlankForPortal(text), true, named(text))
  }
})

t.test('what a reader would not see is blank', async t => {
  for (const text of ['\u200B', '\u00A0\u2003\u3000', '\u200D\u2060\uFEFF', '\u00AD', '\u3164', '\u2800', '\u202E', '\u2028\uFE0F', '&#8203;']) {
    t.equal(isBlankForPortal(text), true, named(text))
  }
})

t.test('what is seen is not blank', async t => {
  for (const text of ['0', '.', '👍', '[b]x[/b]', '&lt;', 'a&nbsp;', '[br', '[', '#', ':)', ':f09f918d:', '&#99999999;', '&#1114112;', '\u0301']) {
    t.equal(isBlankForPortal(text), false, named(text))
  }
})

t.test('what a client wrote and the portal would have decoded is seen, once it is neutralised', async t => {
  for (const text of ['[BR]', '&nbsp;', '#BR#', ':20202020:']) t.equal(isBlankForPortal(neutralise(text)), false, text)
})

/** A test's name in ASCII: a line separator in it would end the line of the report. */
function named (text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

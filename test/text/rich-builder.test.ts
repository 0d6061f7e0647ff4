import t from 'tap'
import { createRichBuilder } from '../../src/text/rich-text.ts'
import { styled } from './styled.ts'

t.test('text gets the styles that are open around it', async t => {
  const builder = createRichBuilder()
  builder.append('a')
  builder.open('bold')
  builder.append('👍')
  builder.open('link', 'https://e.com')
  builder.append('c')
  builder.close()
  builder.append('d')
  builder.close()
  builder.open('quote')
  builder.append('e')
  const rich = builder.build()
  t.equal(rich.text, 'a👍cde')
  t.strictSame(styled(rich), ['link(c) https://e.com', 'bold(👍cd)', 'quote(e)'])
})

t.test('a style without text, and a closing without an opening, leave nothing', async t => {
  const builder = createRichBuilder()
  builder.close()
  builder.open('bold')
  builder.open('italic')
  builder.close()
  builder.close()
  t.strictSame(builder.build(), { text: '', ranges: [] })
})

t.test('items of lists are lines of their own, under one another', async t => {
  const builder = createRichBuilder()
  builder.startLine()
  builder.append('List:')
  builder.startItem()
  builder.append('a')
  builder.startItem(7, 1)
  builder.append('b')
  builder.startItem(undefined, 1_000_000)
  builder.startLine()
  builder.startLine()
  builder.append('c')
  t.equal(builder.build().text, `List:\n• a\n    7. b\n${'    '.repeat(8)}• \nc`)
})

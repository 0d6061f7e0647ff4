import { decodeEmoji, decodeEntities, normalizeText } from './portal/text.ts'

/** A tag, quotation or command that acts on a part of a message. Its `value` is the text after its name, such as a link's URL. */
export interface ActiveTag { readonly tag: string, readonly value: string }

/** A part of a message as the operator reads it, with the tags that act on it, the outermost first. */
export interface ShownRun { readonly text: string, readonly tags: readonly ActiveTag[] }

interface ShownOptions {
  /** Also reads Markdown links and pictures, as Bitrix24's newest web client does in portals with Markdown enabled. */
  readonly markdown?: boolean
}

/*
 * Tags, quotations and commands of Bitrix24's chat, from its documentation of message formatting and the parser of its web client (im.v2).
 * In case of doubt, a token counts as active.
 */
const PAIRED = new Set([
  'b', 'i', 'u', 's', 'size', 'color', 'url', 'user', 'chat', 'context', 'dialog', 'send', 'put', 'call', 'img', 'pch', 'date', 'timestamp', 'attach',
  'quote', 'icode', 'h1', 'h2', 'list', 'table', 'tr', 'td', 'th',
])
const SINGLE = new Set(['br', 'hr', '*', 'like', 'dislike', 'rating', 'disk', 'icon', 'attach', 'timestamp', 'date'])

// The client drops a line break at the start of code and one after it; here they stay.
const CODE = String.raw`\[code\](?<code>[^]*?)\[/code\]`
const MARKDOWN_LINK = String.raw`!?\[(?<label>[^\]]{0,500})\]\((?<target>[^\s()]*)\)`
const TAG = String.raw`\[(?<close>/?)(?<name>[a-z][a-z0-9]*|\*)(?<value>[= ][^[\]]*)?\]`
const LINE_BREAK = String.raw`(?<lineBreak>\n)`
const ADDRESS = String.raw`(?<address>https?://[^\s<>"[\]]+)`
const SMILE = String.raw`(?<=^|\s|>)(?<smile>:-?[)(D|*/]|;-?\)|:cry:|:oops:|:idea:|:\?:|:!:)(?=$|\s)`
const TOKENS = new RegExp([CODE, TAG, LINE_BREAK, ADDRESS, SMILE].join('|'), 'giu')
const TOKENS_AND_MARKDOWN = new RegExp([CODE, MARKDOWN_LINK, TAG, LINE_BREAK, ADDRESS, SMILE].join('|'), 'giu')

const SHOWABLE = /^(?:https?:\/\/|mailto:|tel:)/i

interface Token {
  readonly kind: 'text' | 'open' | 'close' | 'single' | 'code' | 'lineBreak'
  readonly text: string
  readonly name: string
  readonly value: string
}

/** The message that an operator reads for a stored text. */
export function readStored (stored: string, { markdown = false }: ShownOptions = {}): ShownRun[] {
  const text = stored.trim()
  const [command] = /^\/(?:me|loud)/i.exec(text) ?? []
  if (command !== undefined) {
    const tag = { tag: command.slice(1).toLowerCase(), value: '' }
    return readBlocks(text.slice(command.length + 1), markdown, [tag])
  }
  return readBlocks(text, markdown, [])
}

/** The message that an operator reads for a text sent to the portal, which decodes entities and emoji before storing it. */
export function readSent (sent: string, options: ShownOptions = {}): ShownRun[] {
  return readStored(decodeEntities(normalizeText(decodeEmoji(sent))), options)
}

/** All active tags in a text sent to the portal, each with the text that it acts on. */
export function listActive (sent: string, options: ShownOptions = {}): Array<ActiveTag & { readonly text: string }> {
  const texts = new Map<ActiveTag, string>()
  for (const { text, tags } of readSent(sent, options)) for (const tag of tags) texts.set(tag, (texts.get(tag) ?? '') + text)
  return [...texts].map(([tag, text]) => ({ ...tag, text }))
}

/** Two lines of 54 dashes hold a quotation. */
function readBlocks (text: string, markdown: boolean, tags: readonly ActiveTag[]): ShownRun[] {
  const [block] = [...text.matchAll(/-{54}\n?([^]*?)\n?-{54}/g)]
  if (block === undefined) return readLines(text, markdown, tags)
  const quotation = { tag: 'block', value: '' }
  return [
    ...readLines(text.slice(0, block.index), markdown, tags),
    ...readLines(block[1] ?? '', markdown, [...tags, quotation]),
    ...readBlocks(text.slice(block.index + block[0].length), markdown, tags),
  ]
}

/** Each quoted line is separate: the client replaces tags by elements before it looks for `>>` and then splits the lines. */
function readLines (text: string, markdown: boolean, tags: readonly ActiveTag[]): ShownRun[] {
  const runs: ShownRun[] = []
  let plain: Token[] = []
  let quotation: ActiveTag | undefined
  const flush = (): void => {
    runs.push(...pairTags(plain, tags))
    plain = []
  }
  for (const { lineBreak, tokens } of toLines(text, markdown)) {
    const [first, ...rest] = tokens
    const mark = first?.kind === 'text' ? /^\s*>>/.exec(first.text)?.[0] : undefined
    if (first === undefined || mark === undefined) {
      quotation = undefined
      plain.push(...lineBreak, ...tokens)
      continue
    }
    if (quotation === undefined) {
      plain.push(...lineBreak)
      flush()
      quotation = { tag: 'quote', value: '' }
      runs.push(...pairTags([{ ...first, text: first.text.slice(mark.length) }, ...rest], [...tags, quotation]))
    } else {
      runs.push(...pairTags([...lineBreak, { ...first, text: first.text.slice(mark.length) }, ...rest], [...tags, quotation]))
    }
  }
  flush()
  return runs.filter(run => run.text !== '')
}

/** Each line with the line break before it. */
function toLines (text: string, markdown: boolean): Array<{ lineBreak: Token[], tokens: Token[] }> {
  const lines: Array<{ lineBreak: Token[], tokens: Token[] }> = [{ lineBreak: [], tokens: [] }]
  for (const token of tokenize(text, markdown)) {
    if (token.kind === 'lineBreak') lines.push({ lineBreak: [token], tokens: [] })
    else lines.at(-1)?.tokens.push(token)
  }
  return lines
}

function * tokenize (text: string, markdown: boolean): Generator<Token> {
  let done = 0
  const plain = (from: number, to: number): Token => ({ kind: 'text', text: text.slice(from, to), name: '', value: '' })
  for (const match of text.matchAll(markdown ? TOKENS_AND_MARKDOWN : TOKENS)) {
    if (match.index > done) yield plain(done, match.index)
    done = match.index + match[0].length
    yield toToken(match[0], match.groups ?? {})
  }
  if (done < text.length) yield plain(done, text.length)
}

function toToken (source: string, groups: Readonly<Record<string, string | undefined>>): Token {
  const { code, label, target = '', close, name, value = '', lineBreak, address, smile } = groups
  if (code !== undefined) return { kind: 'code', text: code, name: 'code', value: '' }
  if (label !== undefined) return { kind: 'code', text: label, name: 'markdown', value: target }
  if (lineBreak !== undefined) return { kind: 'lineBreak', text: '\n', name: '', value: '' }
  if (address !== undefined) return { kind: 'code', text: address, name: 'address', value: address }
  if (smile !== undefined) return { kind: 'code', text: smile, name: 'smile', value: '' }
  // A server that ignores case folds look-alike letters to a tag's own.
  const known = (name ?? '').normalize('NFKC').toLowerCase()
  const token = { text: source, name: known, value: value.slice(1) }
  if (close === '/') return { ...token, kind: PAIRED.has(known) ? 'close' : 'text' }
  if (SINGLE.has(known)) return { ...token, kind: 'single' }
  return { ...token, kind: PAIRED.has(known) ? 'open' : 'text' }
}

/** A tag acts from its opening to its closing; an unmatched one is text. Tags may cross, as in the client. */
function pairTags (tokens: readonly Token[], outer: readonly ActiveTag[]): ShownRun[] {
  const waiting = new Map<string, number[]>()
  const partners = new Map<number, number>()
  for (const [index, { kind, name }] of tokens.entries()) {
    if (kind === 'open') waiting.set(name, [...waiting.get(name) ?? [], index])
    const opening = kind === 'close' ? waiting.get(name)?.pop() : undefined
    if (opening !== undefined) partners.set(opening, index).set(index, opening)
  }

  const open = new Map<number, ActiveTag>()
  return tokens.flatMap((token, index): ShownRun[] => {
    const partner = partners.get(index)
    const tags = [...outer, ...open.values()]
    if (token.kind === 'code' || token.kind === 'single') return [{ text: token.text, tags: [...tags, { tag: token.name, value: token.value }] }]
    if (partner === undefined) return [{ text: token.text, tags }]
    if (token.kind === 'close') open.delete(partner)
    else if (token.name !== 'url') open.set(index, { tag: token.name, value: token.value })
    else {
      const value = token.value === '' ? tokens.slice(index + 1, partner).map(({ text }) => text).join('') : token.value
      if (SHOWABLE.test(value)) open.set(index, { tag: 'url', value })
    }
    return []
  })
}

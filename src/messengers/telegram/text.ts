import { z } from 'zod'
import { createRichBuilder, type RichText, type Style, type StyleRange } from '../../text/rich-text.ts'

/** Telegram's limit is 16 levels; here each array of texts counts as a level too. */
const MAX_DEPTH = 64

const STYLES: ReadonlyMap<unknown, Style> = new Map<unknown, Style>([
  ['bold', 'bold'], ['italic', 'italic'], ['underline', 'underline'], ['strikethrough', 'strike'], ['code', 'code'], ['pre', 'pre'],
  ['blockquote', 'quote'], ['expandable_blockquote', 'quote'], ['pullquote', 'quote'], ['heading', 'heading'],
])

/** Shown instead of a file: its URL would contain the bot's token. */
const SIGNS = {
  animation: '🎞', live_photo: '📷', photo: '📷', video: '🎬', video_note: '🎬', audio: '🎵', voice: '🎤', voice_note: '🎤', document: '📎', paid_media: '📎', map: '📍',
} as const

/** The kinds of files. The first one that is present counts: an animation is a document too, and a live photo a photo. */
const FILES = ['animation', 'live_photo', 'photo', 'video', 'video_note', 'audio', 'voice', 'document', 'paid_media'] as const

const entities = z.array(z.object({ type: z.string(), offset: z.int(), length: z.int(), url: z.string().optional().catch(undefined) }).nullable().catch(null)).catch([])

type Tree = Readonly<Record<string, unknown>>

/**
 * The text, rich message, caption or checklist of a Bot API message, or a sign for a file without a caption. Null if there is nothing to
 * show, as in a live location.
 */
export function readTelegramMessage (message: Tree): RichText | null {
  if (typeof message.text === 'string' && message.text !== '') return readEntities(message.text, message.entities)
  if (isTree(message.rich_message)) return readRichMessage(message.rich_message)
  if (typeof message.caption === 'string' && message.caption !== '') return readEntities(message.caption, message.caption_entities)
  if (isTree(message.checklist)) return readChecklist(message.checklist)
  const kind = FILES.find(kind => typeof message[kind] === 'object' && message[kind] !== null)
  return kind === undefined ? null : { text: withName(SIGNS[kind], message[kind]), ranges: [] }
}

/** Other entities (mentions, hashtags, URLs, spoilers, custom emoji, dates) do not change the text; the portal links URLs itself. */
function readEntities (text: string, list: unknown): RichText {
  const ranges = entities.parse(list).flatMap((entity): StyleRange[] => {
    if (entity === null) return []
    const { type, offset, length, url } = entity
    if (type === 'text_link') return [{ offset, length, style: 'link', url }]
    const style = STYLES.get(type)
    return style === undefined ? [] : [{ offset, length, style }]
  })
  return { text, ranges }
}

function readChecklist ({ title, tasks }: Tree): RichText {
  const builder = createRichBuilder()
  builder.open('bold')
  builder.append(toText(title))
  builder.close()
  for (const task of toList(tasks).filter(isTree)) {
    builder.startLine()
    builder.append(`${toBox(typeof task.completion_date === 'number' && task.completion_date > 0)} ${toText(task.text)}`)
  }
  return builder.build()
}

/**
 * The text of a rich message, a tree of blocks (Bot API 10.1 and later). Elements without a BB code become lines: a table's cells are
 * separated by bars, pictures become signs. Of unknown blocks it reads the texts and blocks inside.
 */
function readRichMessage (message: Tree): RichText {
  const builder = createRichBuilder()
  /** Directly after the bullet of a list item: the item's first text continues on that line. */
  let isBehindBullet = false

  function startText (): void {
    if (!isBehindBullet) builder.startLine()
    isBehindBullet = false
  }

  function readBlock (block: unknown, listDepth: number, depth: number): void {
    if (!isTree(block) || depth > MAX_DEPTH) return
    const style = STYLES.get(block.type)
    if (style === 'quote') isBehindBullet = false
    if (style !== undefined || isThere(block.text) || isThere(block.expression)) startText()
    if (style !== undefined) builder.open(style)
    readLine(block.summary, 'bold', depth)
    if (!isTree(block.caption)) readLine(block.caption, 'bold', depth)
    readText(block.text, depth)
    builder.append(toText(block.expression))
    for (const child of toList(block.blocks)) readBlock(child, listDepth, depth + 1)
    for (const item of toList(block.items).filter(isTree)) readItem(item, listDepth, depth)
    for (const row of toList(block.cells)) readRow(toList(row), depth)
    readPicture(block, depth)
    readLine(block.credit, 'italic', depth)
    if (style !== undefined) builder.close()
    if (style === 'quote') builder.startLine()
  }

  function readItem (item: Tree, listDepth: number, depth: number): void {
    builder.startItem(typeof item.value === 'number' ? item.value : undefined, listDepth)
    if (item.has_checkbox === true) builder.append(`${toBox(item.is_checked === true)} `)
    isBehindBullet = true
    for (const child of toList(item.blocks)) readBlock(child, listDepth + 1, depth + 1)
  }

  function readRow (cells: readonly unknown[], depth: number): void {
    startText()
    for (const [index, cell] of cells.filter(isTree).entries()) {
      if (index > 0) builder.append(' | ')
      if (cell.is_header === true) builder.open('bold')
      readText(cell.text, depth)
      if (cell.is_header === true) builder.close()
    }
  }

  /** A picture's caption is an object. A caption that is a text belongs to a table and is shown above it. */
  function readPicture ({ type, caption }: Tree, depth: number): void {
    const sign = typeof type === 'string' && Object.hasOwn(SIGNS, type) ? SIGNS[type as keyof typeof SIGNS] : ''
    const { text, credit } = isTree(caption) ? caption : {}
    if (sign === '' && !isThere(text)) return
    startText()
    builder.append(sign === '' || !isThere(text) ? sign : `${sign} `)
    readText(text, depth)
    readLine(credit, 'italic', depth)
  }

  function readLine (text: unknown, style: Style, depth: number): void {
    if (!isThere(text)) return
    startText()
    builder.open(style)
    readText(text, depth)
    builder.close()
  }

  function readText (text: unknown, depth: number): void {
    if (depth > MAX_DEPTH) return
    if (typeof text === 'string') return builder.append(text)
    if (Array.isArray(text)) return text.forEach(part => { readText(part, depth + 1) })
    if (!isTree(text)) return
    const style = STYLES.get(text.type)
    if (text.type === 'url') builder.open('link', toText(text.url))
    else if (style !== undefined) builder.open(style)
    readText(text.text, depth + 1)
    builder.append(toText(text.alternative_text) + toText(text.expression))
    if (text.type === 'url' || style !== undefined) builder.close()
  }

  for (const block of toList(message.blocks)) readBlock(block, 0, 0)
  return builder.build()
}

function withName (sign: string, file: unknown): string {
  const name = isTree(file) ? toText(file.file_name) : ''
  return name === '' ? sign : `${sign} ${name}`
}

function toBox (isDone: boolean): string {
  return isDone ? '☑' : '☐'
}

function toText (value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function toList (value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value as unknown[] : []
}

/** Whether a text, or a tree of texts, is given. */
function isThere (text: unknown): boolean {
  return typeof text === 'string' || (typeof text === 'object' && text !== null)
}

function isTree (value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

import type { ActiveTag, ShownRun } from '../bbcode.ts'

/** What the page makes an element of, or text. Names and attributes come from the table here and never from a message. */
export type PageNode = string | PageElement

export interface PageElement { readonly name: string, readonly attributes: Readonly<Record<string, string>>, readonly children: PageNode[] }

const NAMES: Readonly<Record<string, string>> = { b: 'b', i: 'i', u: 'u', s: 's', code: 'code', icode: 'code', quote: 'blockquote', block: 'blockquote', me: 'em', loud: 'strong', smile: 'span' }
/** Each begins and ends a line by itself, so the client drops the line break behind it. */
const BLOCKS = new Set(['code', 'quote', 'block'])
const LINKABLE = /^(?:https?:\/\/|mailto:|tel:)/i

/** The elements that show a message. What a portal makes a button, a mention or a picture of is marked, and its tag told on hovering. */
export function toElements (runs: readonly ShownRun[]): PageNode[] {
  const root: PageNode[] = []
  let open: Array<{ tag: ActiveTag, children: PageNode[] }> = []
  for (const { text, tags } of runs) {
    const different = tags.findIndex((tag, depth) => open[depth]?.tag !== tag)
    const shared = different === -1 ? tags.length : different
    const isBehindBlock = open.slice(shared).some(({ tag }) => BLOCKS.has(tag.tag))
    open = open.slice(0, shared)
    for (const tag of tags.slice(open.length)) {
      const element = toElement(tag)
      const parent = open.at(-1)?.children ?? root
      parent.push(element)
      open.push({ tag, children: element.children })
    }
    const parent = open.at(-1)?.children ?? root
    parent.push(isBehindBlock ? text.replace(/^\n/, '') : text)
  }
  return root
}

function toElement ({ tag, value }: ActiveTag): PageElement {
  if (tag === 'url' || tag === 'address') {
    // The page shows what a portal does, and takes nobody anywhere unasked: a bare address of a picture is a link as well.
    return { name: 'a', attributes: LINKABLE.test(value) ? { href: value, target: '_blank', rel: 'noopener noreferrer' } : {}, children: [] }
  }
  const name = NAMES[tag]
  if (name !== undefined) return { name, attributes: {}, children: [] }
  return { name: 'span', attributes: { class: 'tag', title: value === '' ? tag : `${tag} ${value}` }, children: [] }
}

import type { ActiveTag, ShownRun } from '../bbcode.ts'

/** A text, or an element for the page. Names and attributes come from the tables here, never from a message. */
export type PageNode = string | PageElement

interface PageElement { readonly name: string, readonly attributes: Readonly<Record<string, string>>, readonly children: PageNode[] }

const NAMES: Readonly<Record<string, string>> = { b: 'b', i: 'i', u: 'u', s: 's', code: 'code', icode: 'code', quote: 'blockquote', block: 'blockquote', me: 'em', loud: 'strong', smile: 'span' }
/** Block elements: the client drops the line break after them. */
const BLOCKS = new Set(['code', 'quote', 'block'])
const LINKABLE = /^(?:https?:\/\/|mailto:|tel:)/i

/** The elements of a message. Buttons, mentions and pictures are only marked; hovering shows their tag. */
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
    // A bare URL of a picture is a link too: the page loads nothing unasked.
    return { name: 'a', attributes: LINKABLE.test(value) ? { href: value, target: '_blank', rel: 'noopener noreferrer' } : {}, children: [] }
  }
  const name = NAMES[tag]
  if (name !== undefined) return { name, attributes: {}, children: [] }
  return { name: 'span', attributes: { class: 'tag', title: value === '' ? tag : `${tag} ${value}` }, children: [] }
}

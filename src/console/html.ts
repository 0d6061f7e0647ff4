/** Markup that is safe to send. Only the tag below makes it. */
export class Html {
  readonly text: string

  constructor (text: string) {
    this.text = text
  }
}

export type Value = Html | string | number | null | undefined | false | readonly Value[]

/** A template whose values are escaped, unless they come from a template themselves. Absent values and `false` add nothing. */
export function html (strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(strings.reduce((text, string, index) => text + render(values[index - 1]) + string))
}

function render (value: Value): string {
  if (value instanceof Html) return value.text
  if (typeof value === 'string') return escape(value)
  if (Array.isArray(value)) return value.map(render).join('')
  return typeof value === 'number' ? String(value) : ''
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/**
 * Characters that cannot be seen, or that move or hide the ones beside them, become visible: controls, marks of the writing direction, fillers. Tabs and
 * line breaks stay, and what joins letters and emoji.
 */
const UNSEEN = /(?!\t|\n|\u200c|\u200d|\ufe0e|\ufe0f)[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb]/gu

function escape (text: string): string {
  return toEntities(text.replace(UNSEEN, character => `[U+${hexOf(character).padStart(4, '0')}]`))
}

function toEntities (text: string): string {
  return text.replace(/[&<>"']/g, character => ENTITIES[character] as string)
}

function hexOf (character: string): string {
  return (character.codePointAt(0) as number).toString(16).toUpperCase()
}

/** The value of a form's field, which comes back as it is. */
export function exact (text: string): Html {
  return new Html(toEntities(text).replace(UNSEEN, character => `&#x${hexOf(character)};`))
}

/** A link to another host, or only its text if the address is not one of http. */
export function link (address: string, text: string): Html {
  return /^https?:\/\//i.test(address) ? html`<a href="${address}" rel="noreferrer">${text}</a>` : html`${text}`
}

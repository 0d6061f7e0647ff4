/** Zero width space: breaks a token without being seen, and is not trimmed by the portal. */
export const BREAK = '\u200B'

/** A URL in a text; for the flags i and u. It ends where a bracket is not closed, as in "[see https://e.com/a]", or opens with a slash. */
export const URL_PATTERN = '(?:https?://|www\\.)[^\\s<>"[\\]/?#]+(?:[/?#](?:[^\\s<>"[\\]]|\\[(?!/)[^\\s<>"[\\]]*\\])*)?'

/** A URL in a sentence does not end with the punctuation, nor with the markup, of the sentence. */
export const URL_TAIL = '.,:;!?\'"*_~`()}»”’'

/*
 * Bitrix24's chat has no escape character, and its server decodes entities before it stores a text, so that `&#91;B]` comes
 * back to life as `[B]`. What is left is to break every token that would act. One pass over the whole text, so that a token
 * which begins before a URL and ends inside it is seen as well; every alternative is linear in the length of the text.
 */
const TOKENS = new RegExp([
  // A URL takes no break inside it.
  `(?<url>${URL_PATTERN})`,
  // Under the flags i and u the letters hold their look-alikes (U+017F, U+212A), which a server that folds case would take.
  '\\[(?=[a-z/*])',
  // A link of Markdown: Bitrix24's newest web client reads it where the portal has Markdown switched on.
  '\\](?=\\()',
  '&(?=#|[a-z][a-z0-9]{0,31};)',
  // 54 dashes open and close a quotation.
  '(?<dashes>-{10,})',
  // Quotation at the start of a line; a personal or loud message at the start of the text, tested there without a word boundary.
  '(?<start>>(?<=^\\s*>)(?=>)|/(?<=^\\s*/)(?=me|loud))',
  // The server's word for a line break, and what the client puts in the place of tags while it works.
  '#(?=BR#|###(?:REPLACEMENT|MD_))',
  // An emoji as its bytes in hexadecimal: any bytes, ":5b425d61:" too.
  ':(?=[0-9a-f]{6,}:)',
].join('|'), 'gimu')

/** In a text, `length` characters (0 or 1) from `at` on give way to `by`. */
export interface Change { readonly at: number, readonly length: number, readonly by: string }

/** From `start` to before `end`. */
export interface Interval { readonly start: number, readonly end: number }

/**
 * What must change in a text so that nothing acts as BB code, and where its URLs are, both in ascending order. A break stands
 * behind the first character of a token, or before it where the token's place is what counts.
 */
export function findHazards (text: string): { changes: Change[], urls: Interval[] } {
  const changes: Change[] = []
  const urls: Interval[] = []
  TOKENS.lastIndex = 0
  // Every name and text passes here. `matchAll` would make another expression of this one each time, which takes longer than most searches.
  for (let match = TOKENS.exec(text); match !== null; match = TOKENS.exec(text)) {
    const { 0: token, index, groups } = match
    if (groups?.url !== undefined) {
      let { length } = token
      while (URL_TAIL.includes(token.charAt(length - 1))) length--
      urls.push({ start: index, end: index + length })
      for (const { at, ...change } of findInUrl(token)) changes.push({ at: index + at, ...change })
    } else if (groups?.dashes !== undefined) {
      for (let at = 9; at < token.length; at += 9) changes.push({ at: index + at, length: 0, by: BREAK })
    } else {
      changes.push({ at: groups?.start === undefined ? index + 1 : index, length: 0, by: BREAK })
    }
  }
  return { changes, urls }
}

/** The text from `start` to before `end` with the changes that belong there. */
export function applyChanges (text: string, changes: readonly Change[], start = 0, end = text.length): string {
  let result = ''
  let done = start
  for (const { at, length, by } of changes) {
    result += text.slice(done, at) + by
    done = at + length
  }
  return result + text.slice(done, end)
}

/**
 * Plain text, or a name, in which nothing acts as BB code. What is left after taking every U+200B away is the text as it was,
 * except inside URLs, where the same characters are percent-encoded: a break would cut the link.
 */
export function neutralise (text: string): string {
  return applyChanges(text, findHazards(text).changes)
}

/** A URL that stands in a text, in which nothing acts as BB code and no character ends the link early. */
export function neutraliseUrl (url: string): string {
  return applyChanges(url, findInUrl(url))
}

function findInUrl (url: string): Change[] {
  const fragment = url.indexOf('#')
  return [...url.matchAll(/[[\]<>"\s]|#|(?<=&#?[a-z0-9]*);|(?<=-{9})-|:(?=[0-9a-f]{6,}:)/giu)]
    .filter(({ 0: character, index }) => character !== '#' || index !== fragment)
    .map(({ 0: character, index }) => ({ at: index, length: 1, by: percentEncode(character) }))
}

export function percentEncode (text: string): string {
  return [...Buffer.from(text)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

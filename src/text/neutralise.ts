/** Zero width space: invisible, breaks a token, and the portal does not trim it. */
export const BREAK = '\u200B'

/** A URL in a text, for the flags i and u. It ends before an unmatched bracket, as in "[see https://e.com/a]", and before "[/". */
export const URL_PATTERN = '(?:https?://|www\\.)[^\\s<>"[\\]/?#]+(?:[/?#](?:[^\\s<>"[\\]]|\\[(?!/)[^\\s<>"[\\]]*\\])*)?'

/** Punctuation and markup of the sentence, not part of the URL if it ends with them. */
export const URL_TAIL = '.,:;!?\'"*_~`()}»”’'

/*
 * Bitrix24's chat has no escape character, and its server decodes entities before it stores a text: `&#91;B]` becomes `[B]`. So every active
 * token must be broken. One pass over the whole text also finds a token that begins before a URL and ends inside it. Each alternative takes
 * linear time.
 */
const TOKENS = new RegExp([
  // No break may go inside a URL.
  `(?<url>${URL_PATTERN})`,
  // With the flags i and u, letters match U+017F and U+212A too, which a server that folds case would accept.
  '\\[(?=[a-z/*])',
  // A link of Markdown: Bitrix24's newest web client reads it where the portal has Markdown switched on.
  '\\](?=\\()',
  '&(?=#|[a-z][a-z0-9]{0,31};)',
  // 54 dashes open and close a quotation.
  '(?<dashes>-{10,})',
  // A quotation at the start of a line; /me or /loud at the start of the text, where the client needs no word boundary.
  '(?<start>>(?<=^\\s*>)(?=>)|/(?<=^\\s*/)(?=me|loud))',
  // The server's token for a line break, and the client's placeholders for tags.
  '#(?=BR#|###(?:REPLACEMENT|MD_))',
  // An emoji as hexadecimal bytes, which may be any bytes: ":5b425d61:" too.
  ':(?=[0-9a-f]{6,}:)',
].join('|'), 'gimu')

/** `by` replaces `length` characters (0 or 1) of a text from `at` on. */
export interface Change { readonly at: number, readonly length: number, readonly by: string }

/** From `start` to before `end`. */
export interface Interval { readonly start: number, readonly end: number }

/**
 * The changes that disable all BB code in a text, and its URLs, both in ascending order. A break goes after the first character of a token,
 * or before it if the token acts only at the start of a line.
 */
export function findHazards (text: string): { changes: Change[], urls: Interval[] } {
  const changes: Change[] = []
  const urls: Interval[] = []
  for (const { 0: token, index, groups } of text.matchAll(TOKENS)) {
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

/** The text from `start` to before `end`, with these changes. */
export function applyChanges (text: string, changes: readonly Change[], start = 0, end = text.length): string {
  let result = ''
  let done = start
  for (const { at, length, by } of changes) {
    result += text.slice(done, at) + by
    done = at + length
  }
  return result + text.slice(done, end)
}

/** A plain text or name without active BB code. It differs from the original only by U+200B, and by percent-encoding inside URLs, which a break would cut. */
export function neutralise (text: string): string {
  return applyChanges(text, findHazards(text).changes)
}

/** A URL for a text, without active BB code or characters that would end the link early. */
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

/** Zero width space: breaks a token without being seen, and is not trimmed by the portal. */
const BREAK = '\u200B'

/*
 * Bitrix24's chat has no escape character, and its server decodes entities before it stores a text, so that `&#91;B]` comes
 * back to life as `[B]`. What is left is to break every token that would act. One pass over the whole text, so that a token
 * which begins before a URL and ends inside it is seen as well; every alternative is linear in the length of the text.
 */
const TOKENS = new RegExp([
  // A URL takes no break inside it. It ends where a bracket is not closed, as in "[see https://e.com/a]", or opens with a slash.
  '(?<url>(?:https?://|www\\.)[^\\s<>"[\\]/?#]+(?:[/?#](?:[^\\s<>"[\\]]|\\[(?!/)[^\\s<>"[\\]]*\\])*)?)',
  // Under the flags i and u the letters hold their look-alikes (U+017F, U+212A), which a server that folds case would take.
  '\\[(?=[a-z/*])',
  '&(?=#|[a-z][a-z0-9]{0,31};)',
  // 54 dashes open and close a quotation.
  '(?<dashes>-{10,})',
  // Quotation at the start of a line; a personal or loud message at the start of the text, tested there without a word boundary.
  '(?<start>>(?<=^\\s*>)(?=>)|/(?<=^\\s*/)(?=me|loud))',
  // The server's word for a line break, and what the client puts in the place of tags while it works.
  '#(?=BR#|###REPLACEMENT)',
  // An emoji as its bytes in hexadecimal: any bytes, ":5b425d61:" too.
  ':(?=[0-9a-f]{6,}:)',
].join('|'), 'gimu')

/**
 * Plain text, or a name, in which nothing acts as BB code. What is left after taking every U+200B away is the text as it was,
 * except inside URLs, where the same characters are percent-encoded: a break would cut the link.
 */
export function neutralise (text: string): string {
  return text.replace(TOKENS, (token, ...rest) => {
    const groups: Partial<Record<'url' | 'dashes' | 'start', string>> = rest.at(-1)
    if (groups.url !== undefined) return neutraliseUrl(token)
    if (groups.dashes !== undefined) return token.replace(/-{9}(?=-)/g, `$&${BREAK}`)
    return groups.start === undefined ? token + BREAK : BREAK + token
  })
}

/** A URL that stands in a text, in which nothing acts as BB code and no character ends the link early. */
export function neutraliseUrl (url: string): string {
  const fragment = url.indexOf('#')
  return url.replace(/[[\]<>"\s]|#|(?<=&#?[a-z0-9]*);|(?<=-{9})-|:(?=[0-9a-f]{6,}:)/giu, (character, offset: number) => {
    if (character === '#' && offset === fragment) return character
    return percentEncode(character)
  })
}

function percentEncode (character: string): string {
  return [...Buffer.from(character)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

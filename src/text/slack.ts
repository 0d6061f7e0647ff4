import { CODE_PATTERN, readMarkup, type Dialect } from './markup.ts'
import type { RichBuilder, RichText } from './rich-text.ts'

/** From Slack's documentation on formatting message text. Slack sends a user's `&`, `<` and `>` as entities, so a typed "> " is "&gt; ". */
const SLACK: Dialect = {
  opaque: new RegExp(`${CODE_PATTERN}|<[^<>\\n]+>`, 'g'),
  quote: /&gt; ?/y,
  quoteRest: /&gt;&gt;&gt; ?/y,
  write: writeReference,
  decode,
}

/** Slack's mrkdwn: `*bold*`, `_italic_`, `~strike~`, code in one or three backticks, quotations, `<https://e.com|links>` and mentions. */
export function readSlack (text: string): RichText {
  return readMarkup(text, SLACK)
}

/** A link, a mention (`<@U1>`, `<#C1|name>`, `<!here>`, `<!subteam^S1|@name>`) or a date (`<!date^…|fallback>`). A mention without a name shows its id. */
function writeReference (builder: RichBuilder, source: string): void {
  const [target = '', ...labels] = source.slice(1, -1).split('|')
  const shown = labels.length === 0 ? undefined : decode(labels.join('|'))
  const [sign, id = ''] = [target.charAt(0), target.slice(1).split('^')[0]]
  if (sign === '@' || sign === '#') return builder.append(sign + (shown ?? id).replace(/^[@#]/, ''))
  if (sign === '!') return builder.append(shown === undefined || !target.includes('^') ? `@${id}` : shown)
  const url = decode(target)
  const [scheme = ''] = /^(?:mailto|tel):/i.exec(url) ?? []
  if (shown === undefined && scheme === '') return builder.append(url)
  builder.open('link', url)
  builder.append(shown ?? url.slice(scheme.length))
  builder.close()
}

/** Inside code a reference becomes its visible text. One pass: an entity that the user typed stays one. */
function decode (text: string): string {
  return text.replace(/<([^<>|\n]+)(?:\|([^<>\n]+))?>|&(amp|lt|gt);/g, (_, target: string | undefined, label: string | undefined, entity: string) => {
    if (target !== undefined) return decode(label ?? target)
    return entity === 'amp' ? '&' : entity === 'lt' ? '<' : '>'
  })
}

/*
 * A model of what a portal does to a text: the server decodes before it stores, the client then looks for tags, quotations,
 * commands and its own placeholders. It is more eager than the real one wherever that is not known.
 */

export const TAGS = [
  '[B]x[/B]', '[i]x[/i]', '[U]x[/U]', '[s]x[/s]', '[URL=https://evil.example]bank.ru[/URL]', '[url]https://e.com[/url]', '[BR]', '[br]',
  '[SEND=/cmd]press[/SEND]', '[PUT=/cmd]press[/PUT]', '[size=30]x[/size]', '[color=#ff0000]x[/color]', '[user=1]x[/user]', '[USER=all]x[/USER]',
  '[chat=5]x[/chat]', '[chat=imol|5]x[/chat]', '[context=chat5/6]x[/context]', '[code]x[/code]', '[img size=small]https://e.com/a.png[/img]',
  '[icon=https://e.com/a.png size=20 title=x]', '[call=+7]x[/call]', '[timestamp=1 format=date]', '[disk=5]', '[LIKE]', '[DISLIKE]', '[RATING=5]',
  '[DATE=1]', '[PCH=1]x[/PCH]', '[ATTACH=1]', '[dialog=chat1 message=2]x[/dialog]', '[quote]x[/quote]', '[*]', '[/b]',
  '[icode]x[/icode]', '[h1]x[/h1]', '[hr]', '[list][*]x[/list]', '[table][tr][td]x[/td][/tr][/table]',
]

const TAG = /\[(?:\/|\*|[a-z])/giu
const TOKENS: readonly RegExp[] = [
  TAG,
  /-{54}/g,
  /^\s*>>/gm,
  /^\/(?:me|loud)/gi,
  /####REPLACEMENT/gi,
]

/** What acts in a text, as the portal would find it: nothing, if the text is safe. */
export function portalActsOn (text: string): string[] {
  return [...found(text), ...serverActsOn(text)]
}

function found (text: string): string[] {
  const shown = text.trim()
  return TOKENS.flatMap(token => shown.match(token) ?? [])
}

/** The server's decoding, in whatever order and however often: what it finds is an act already. */
function serverActsOn (text: string): string[] {
  return text.match(/&(?:#\d+|#x[0-9a-f]+|[a-z][a-z0-9]*);|#BR#|:(?:[0-9a-f]{2}){3,}:/giu) ?? []
}

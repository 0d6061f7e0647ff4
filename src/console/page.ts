import { html, type Html } from './html.ts'
import type { Session } from './session.ts'
import { languages, texts as allTexts, type Language, type Texts } from './texts/texts.ts'

/** What every page needs to know of its request. */
export interface View {
  readonly texts: Texts
  readonly language: Language
  /** Null before signing in. */
  readonly session: Session | null
  /** Path and query of the page, to come back to after a change of the language. */
  readonly path: string
  /** Milliseconds of the outbox's clock. */
  readonly now: number
  readonly assets: { readonly style: string, readonly script: string, readonly icon: string }
}

interface PageParts {
  readonly title: string
  readonly body: Html
  readonly current?: keyof Texts['nav']
  /** Whether the script refreshes the page's content. */
  readonly isLive?: boolean
}

const PAGES = [['overview', '/console'], ['edits', '/console/edits'], ['dead', '/console/dead'], ['channels', '/console/channels']] as const

export function page (view: View, { title, body, current, isLive = false }: PageParts): string {
  const { texts, language, session, assets } = view
  return `<!doctype html>\n${html`<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · ${texts.title}</title>
<link rel="icon" href="${assets.icon}">
<link rel="stylesheet" href="${assets.style}">
${session !== null && html`<script type="module" src="${assets.script}"></script>`}
</head>
<body>
<a class="skip" href="#content">${texts.skip}</a>
<header>
<p class="name">${texts.title}</p>
${session !== null && html`<nav aria-label="${texts.nav.label}"><ul>${PAGES.map(([name, address]) => html`<li><a href="${address}"${name === current && html` aria-current="page"`}>${texts.nav[name]}</a></li>`)}</ul></nav>
<form class="search" action="/console/search" role="search"><label for="q">${texts.search.label}</label><input id="q" name="q" required maxlength="1000" autocomplete="off"><button>${texts.search.button}</button></form>`}
</header>
${isLive && html`<p id="stale" class="notice bad" role="status" hidden>${texts.stale} <b></b></p>`}
<main id="content" tabindex="-1"${isLive && html` data-live`}>
<h1>${title}</h1>
${body}
</main>
<footer>
<form method="post" action="/console/language"><input type="hidden" name="to" value="${view.path}">${texts.languageSwitch}: ${languages.map(each => each === language
  ? html`<b>${texts.language}</b> `
  : html`<button name="language" value="${each}" lang="${each}">${allTexts[each].language}</button> `)}</form>
${session !== null && html`<form method="post" action="/console/sign-out"><span>${texts.signIn[session.role]} · <code>${session.id}</code></span> <button>${texts.signIn.out}</button></form>`}
</footer>
</body>
</html>`.text}\n`
}

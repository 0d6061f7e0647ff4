import { html } from './html.ts'
import { page, type View } from './page.ts'

/** A page for an error. Its words depend on the status alone, unless `words` are given. */
export function errorPage (view: View, status: number, words?: string): string {
  const { texts } = view
  const known = texts.errors as unknown as Readonly<Record<string, string>>
  return page(view, {
    title: texts.errors.title,
    body: html`<p class="fault" role="alert">${words ?? known[String(status)] ?? known[status < 500 ? '400' : '500']}</p><p><a href="/console">${texts.errors.back}</a></p>`,
  })
}

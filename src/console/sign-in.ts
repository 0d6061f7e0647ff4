import { html } from './html.ts'
import { page, type View } from './page.ts'
import { hidden } from './parts.ts'

type Fault = 'wrong' | 'tooMany' | 'over'

export function signInPage (view: View, fault: Fault | null): string {
  const { texts } = view
  return page(view, {
    title: texts.signIn.title,
    body: html`${fault !== null && html`<p class="fault" role="alert">${texts.signIn[fault]}</p>`}
<form class="sign-in" method="post" action="/console/sign-in">${hidden({ to: view.path })}
<label for="token">${texts.signIn.token}</label>
<input id="token" name="token" type="password" autocomplete="current-password" required maxlength="512" autofocus>
<button>${texts.signIn.button}</button>
</form>
<p>${texts.signIn.help}</p>`,
  })
}

/** A browser that comes from another site sends no cookie of ours. On the way from this page to `address` it does. */
export function comeAgainPage (view: View, address: string): string {
  const { texts } = view
  return page(view, { title: texts.title, body: html`<p><a href="${address}">${texts.signIn.reload}</a></p>` })
}

/* global document, fetch, location, DOMParser */

/* Refreshes the content of a page that lives. Without it the pages are the same, and stand still. */

const EVERY_MS = 5000
const TIMEOUT_MS = 10_000

const content = document.querySelector('main[data-live]')

/** Whether somebody reads or types in the content, so that a change would disturb. */
function isInUse () {
  const selection = document.getSelection()
  const hasSelection = selection !== null && !selection.isCollapsed && content.contains(selection.anchorNode)
  const hasFocus = content.contains(document.activeElement) && document.activeElement !== content
  const hasInput = [...content.querySelectorAll('input, textarea')].some(field => field.value !== field.defaultValue)
  return hasInput || hasSelection || hasFocus || content.querySelector('details[open]') !== null
}

/** Fulfilled with false when the session is over: the page then stays as it is until somebody follows a link. */
async function refresh () {
  const answer = await fetch(location.href, { cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (answer.status === 401) return false
  if (!answer.ok) return true
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main[data-live]')
  if (fresh !== null && !isInUse() && fresh.innerHTML !== content.innerHTML) content.replaceChildren(...fresh.childNodes)
  return true
}

async function run () {
  for (let isGoing = true; isGoing;) {
    await new Promise(resolve => setTimeout(resolve, EVERY_MS))
    if (document.hidden || isInUse()) continue
    // While the relay restarts, the next try may succeed.
    isGoing = await refresh().catch(() => true)
  }
}

if (content !== null) run()

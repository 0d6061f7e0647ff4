/* global document, fetch, location, DOMParser */

/* Refreshes the content of a live page. Without this script the page stays as it was loaded. */

const EVERY_MS = 5000
const TIMEOUT_MS = 10_000

const content = document.querySelector('main[data-live]')
const stale = document.getElementById('stale')

/** Whether somebody reads or types in the content, so that a change would disturb. */
function isInUse () {
  const selection = document.getSelection()
  const hasSelection = selection !== null && !selection.isCollapsed && content.contains(selection.anchorNode)
  const hasFocus = content.contains(document.activeElement) && document.activeElement !== content
  const hasInput = [...content.querySelectorAll('input, textarea')].some(field => field.value !== field.defaultValue)
  return hasInput || hasSelection || hasFocus || content.querySelector('details[open]') !== null
}

/** Rejects when the relay does not answer, or the session is over. */
async function refresh () {
  const answer = await fetch(location.href, { cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (!answer.ok) throw new Error(answer.statusText)
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main[data-live]')
  if (fresh !== null && !isInUse() && fresh.innerHTML !== content.innerHTML) content.replaceChildren(...fresh.childNodes)
}

async function run () {
  for (let shown = new Date(); ;) {
    await new Promise(resolve => setTimeout(resolve, EVERY_MS))
    if (document.hidden || isInUse()) continue
    try {
      await refresh()
      shown = new Date()
      stale.hidden = true
    } catch {
      stale.querySelector('b').textContent = shown.toLocaleTimeString(document.documentElement.lang)
      stale.hidden = false
    }
  }
}

if (content !== null) run()

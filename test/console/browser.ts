import { networkInterfaces } from 'node:os'
import axe from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { Test } from 'tap'
import { freePort, sandboxEnv, startRelayProcess } from '../../demo/processes.ts'
import { en } from '../../src/console/texts/en.ts'
import type { Texts } from '../../src/console/texts/texts.ts'
import { generateSecret, readSecret, signStandardWebhook } from '../../src/signatures/standard-webhooks.ts'
import { eventually, original, startPortal } from '../portal.ts'
import { ADMIN_TOKEN, VIEWER_TOKEN } from './console.ts'

/** An id of a hundred characters without a place to break. */
export const LONG_ID = 'x'.repeat(100)

interface ShownEdit {
  readonly id: string
  readonly message: string
  readonly confirmation: string | null
}

/** A relay process with its portal: `m1` is confirmed, `m2` refused, `m3` and `m4` rejected, and `LONG_ID` unknown to the portal. */
export async function startConsoleProcess (t: Test) {
  const portal = await startPortal(t)
  await (await portal.connector()).send(['m1', 'm2', 'm3', 'm4'].map(message => original(message)))
  const secret = generateSecret()
  const port = await freePort()
  const relay = await startRelayProcess({
    ...sandboxEnv(portal.url),
    HOST: '0.0.0.0',
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    WEBHOOK_SECRET: secret,
    ADMIN_TOKEN,
    VIEWER_TOKEN,
    SETTLE_MS: '0',
    DATABASE_URL: `file:${t.testdir()}/relay.db`,
  }, port)
  t.teardown(() => relay.stop())

  async function send (message: string, text: string, user: object = {}): Promise<void> {
    const { user: client, chat } = original(message)
    const body = JSON.stringify({ type: 'message.edited', data: { user: { ...client, ...user }, message: { id: message, edited_at: Date.now(), text }, chat } })
    const headers = { 'content-type': 'application/json', ...signStandardWebhook(readSecret(secret) as Buffer, body, Date.now()) }
    const { status } = await fetch(`${relay.url}/webhooks/default`, { method: 'POST', headers, body })
    if (status !== 202) throw new Error(`the relay answered ${status}`)
  }

  const edits = async (query: string): Promise<readonly ShownEdit[]> => {
    const answer = await fetch(`${relay.url}/api/edits?${query}`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
    return (await answer.json() as { edits: readonly ShownEdit[] }).edits
  }

  await eventually(portal.bindings, bindings => bindings.length > 0)
  await send('m1', '<b>Two</b> tickets')
  await send('m2', ' ')
  for (const message of ['m3', 'm4']) await send(message, 'Three tickets', { id: 'u-new', email: 'no address' })
  await send(LONG_ID, 'The portal does not know this message')
  await eventually(async () => await edits('confirmation=confirmed'), ({ length }) => length === 1)
  await eventually(async () => await edits('state=delivered'), ({ length }) => length === 2)

  return {
    portal,
    port,
    url: relay.url,
    send,
    edits,
    /** Waits until the portal has rejected the two edits, for the first time or again. */
    rejected: async () => await eventually(async () => await edits('state=dead&reason=rejected'), ({ length }) => length === 2),
  }
}

/** This machine's address in its network, or null. */
export function lanAddress (): string | null {
  return Object.values(networkInterfaces()).flat().find(each => each?.family === 'IPv4' && !each.internal)?.address ?? null
}

/** A page with its own cookies. `faults` collects what the browser complains about: scripts, styles, and whatever the CSP forbids. */
export async function openPage (t: Test, browser: Browser, options: BrowserContextOptions = {}): Promise<{ readonly page: Page, readonly faults: string[] }> {
  const context = await browser.newContext({ locale: 'en', ...options })
  t.teardown(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const faults: string[] = []
  page.on('pageerror', error => faults.push(String(error)))
  page.on('console', message => {
    const { url } = message.location()
    // The sign-in form and a page that is not there come with 401, 400 and 404.
    const isStatus = /status of 40[014] /.test(message.text()) && !url.includes('/assets/')
    // Browsers heed this header only behind https, and say so.
    const isUnheeded = message.text().startsWith('The Cross-Origin-Opener-Policy header has been ignored') && !url.startsWith('http://127.0.0.1')
    if (['error', 'warning'].includes(message.type()) && !isStatus && !isUnheeded) faults.push(message.text())
  })
  return { page, faults }
}

export async function signIn (page: Page, url: string, texts: Texts = en): Promise<void> {
  await page.goto(`${url}/console`)
  await page.getByLabel(texts.signIn.token).fill(ADMIN_TOKEN)
  await page.getByRole('button', { name: texts.signIn.button }).click()
  await page.getByRole('heading', { level: 1, name: texts.overview.title }).waitFor()
}

interface Visit {
  readonly texts: Texts
  readonly ids: { readonly confirmed: string, readonly dead: string, readonly unknown: string }
  readonly look: (name: string) => Promise<void>
}

/** Calls `look` on every page, and on the answers to forms. */
export async function visitAll (page: Page, url: string, { texts, ids, look }: Visit): Promise<void> {
  const press = async (name: string, level: number, heading: string): Promise<void> => {
    await page.getByRole('button', { name }).click()
    await page.getByRole('heading', { level, name: heading }).waitFor()
    await look(heading)
  }
  await page.goto(`${url}/console/dead`)
  await look('sign-in')
  await page.getByLabel(texts.signIn.token).fill('wrong')
  await page.getByRole('button', { name: texts.signIn.button }).click()
  await page.getByRole('alert').waitFor()
  await look('a wrong token')
  await signIn(page, url, texts)
  await page.getByText(texts.overview.asTable).click()
  await look('overview')
  const paths = [
    '/edits', '/edits?message=nobody', `/edits/${ids.confirmed}`, `/edits/${ids.dead}?done=pending`, `/edits/${ids.unknown}`,
    '/dead', '/redeliver?reason=rejected', '/redeliver?chat=nobody', '/channels', '/edits?state=faulty', '/nothing',
  ]
  for (const path of paths) {
    await page.goto(`${url}/console${path}`)
    await look(path)
  }
  await page.goto(`${url}/console/edits/${ids.confirmed}`)
  await press(texts.edit.showText, 2, texts.edit.text)
  await press(texts.edit.verify, 2, texts.edit.portalNow)
  await page.goto(`${url}/console/channels`)
  await page.getByText(texts.channels.try).first().click()
  await page.getByLabel(texts.channels.payload).fill(JSON.stringify({ type: 'message.edited', data: { user: { id: '1', name: 'Ivan' }, message: { id: '1', text: LONG_ID }, chat: { id: '1' } } }))
  await look('the form of a channel')
  await press(texts.channels.tryButton, 1, texts.preview.title)
}

/** What axe finds on a page, whose CSP must be bypassed. */
export async function findings (page: Page, options: axe.RunOptions): Promise<string[]> {
  await page.evaluate(axe.source)
  const violations = await page.evaluate(`axe.run(document, ${JSON.stringify({ resultTypes: ['violations'], ...options })}).then(({ violations }) => violations)`) as axe.Result[]
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary = '' }) => `${id}: ${html} ${failureSummary}`))
}

import t, { type Test } from 'tap'
import type { Browser, Page } from 'playwright-core'
import { findChromium, openChromium } from '../../demo/chromium.ts'
import { en } from '../../src/console/texts/en.ts'
import { ru } from '../../src/console/texts/ru.ts'
import { eventually } from '../portal.ts'
import { findings, lanAddress, LONG_ID, openPage, signIn, startConsoleProcess, visitAll } from './browser.ts'
import { ADMIN_TOKEN } from './console.ts'

const path = findChromium()
const skip = path === null ? 'there is no Chromium: install chromium, or set CHROMIUM to its path' : false
const lan = lanAddress()
const SMALL = { width: 320, height: 640 }

const { portal, port, url, send, edits, rejected } = path === null ? {} as Awaited<ReturnType<typeof startConsoleProcess>> : await startConsoleProcess(t)
const browser = path === null ? {} as Browser : await openChromium(path)
if (path !== null) t.teardown(() => browser.close())

const idOf = async (message: string): Promise<string> => (await edits(`message=${message}`))[0]?.id ?? ''

for (const { name, host, options = {} } of [
  { name: 'on this machine', host: '127.0.0.1' },
  { name: 'over plain http at an address of the network', host: lan },
  { name: 'without JavaScript', host: '127.0.0.1', options: { javaScriptEnabled: false } },
]) {
  t.test(`an operator signs in, finds an edit, reads its story, redelivers and signs out, ${name}`, { skip: skip || (host === null && 'this machine is in no network') }, async t => {
    const { page, faults } = await openPage(t, browser, options)
    await rejected()
    const calls = (await portal.calls()).length
    await signIn(page, `http://${host}:${port}`)
    await page.getByLabel(en.search.label).fill('m3')
    await page.getByRole('button', { name: en.search.button }).click()
    await page.getByRole('heading', { level: 1, name: 'Message m3' }).waitFor()
    const story = await page.locator('.story').innerText()
    for (const said of [en.edit.call, en.codes.rejected.means, en.reasons.rejected.todo, en.edit.words]) t.ok(story.includes(said), said)

    await page.getByRole('link', { name: en.nav.dead }).click()
    await page.getByRole('link', { name: `${en.dead.redeliver} rejected` }).click()
    await page.getByText('Edits that match: 2').waitFor()
    t.strictSame(await page.locator('tbody th').allInnerTexts(), ['m4', 'm3'])
    await page.getByRole('button', { name: 'Redeliver 2' }).click()
    await page.getByRole('heading', { level: 1, name: en.redeliver.done }).waitFor()
    t.match(await page.locator('.numbers').innerText(), /will be sent again\s+2\s+already waited for their call\s+0/)
    t.ok((await eventually(portal.calls, ({ length }) => length > calls)).length > calls, 'the portal is called again')

    await page.getByRole('button', { name: en.signIn.out }).click()
    await page.getByRole('heading', { level: 1, name: en.signIn.title }).waitFor()
    await page.goto(`http://${host}:${port}/console/edits`)
    t.equal(await page.locator('h1').innerText(), en.signIn.title, 'the session is over')
    t.strictSame(faults, [])
  })
}

t.test('a keyboard is enough', { skip }, async t => {
  const { page, faults } = await openPage(t, browser)
  await rejected()
  await page.goto(`${url}/console`)
  await page.keyboard.type(ADMIN_TOKEN)
  await page.keyboard.press('Enter')
  await page.waitForURL(`${url}/console`)
  await page.getByRole('heading', { level: 1, name: en.overview.title }).waitFor()
  await page.keyboard.press('Tab')
  t.equal(await page.evaluate('document.activeElement.textContent'), en.skip, 'the first stop leads past the navigation')
  t.ok(await page.evaluate('document.activeElement.getBoundingClientRect().left >= 0'), 'and is visible while it has the focus')
  await page.keyboard.press('Enter')
  t.equal(await page.evaluate('document.activeElement.id'), 'content')
  await tabTo(t, page, '#q', 'Shift+Tab')
  await page.keyboard.type('m3')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Message m3' }).waitFor()
  await follow(t, page, 'nav a[href="/console/dead"]', en.dead.title)
  await follow(t, page, 'a[href="/console/redeliver?state=dead&reason=rejected"]', en.redeliver.title)
  await follow(t, page, 'main form button', en.redeliver.done)
  await follow(t, page, 'nav a[href="/console/channels"]', en.channels.title)
  await tabTo(t, page, 'main summary')
  await page.keyboard.press('Enter')
  await tabTo(t, page, 'main textarea')
  await page.keyboard.type('{}')
  await follow(t, page, 'main form button', en.preview.title)
  await follow(t, page, 'footer form[action="/console/sign-out"] button', en.signIn.title)
  t.strictSame(faults, [])
})

t.test('a page refreshes itself, but not while somebody reads a list that they opened', { skip }, async t => {
  const { page, faults } = await openPage(t, browser)
  await signIn(page, url)
  const overview = await page.context().newPage()
  await Promise.all([page.goto(`${url}/console/edits?message=m9`), overview.goto(`${url}/console`)])
  await page.getByText(en.edits.empty).waitFor()
  await overview.getByText(en.overview.asTable).click()
  const before = await overview.locator('.numbers').innerText()
  await send('m9', 'The newest text')
  await page.getByRole('rowheader', { name: 'm9' }).waitFor()
  t.equal(await overview.locator('.numbers').innerText(), before)
  t.strictSame(faults, [])
})

t.test('a page that cannot be refreshed says so, until it can', { skip }, async t => {
  const { page } = await openPage(t, browser)
  await page.clock.install()
  await signIn(page, url)
  const notice = page.getByText(en.stale)
  t.notOk(await notice.isVisible())
  await page.context().setOffline(true)
  await page.clock.runFor(6000)
  await notice.waitFor()
  t.match(await notice.innerText(), /the state of \d/)
  await page.context().setOffline(false)
  await page.clock.runFor(6000)
  await notice.waitFor({ state: 'hidden' })
  await page.context().clearCookies()
  await page.clock.runFor(6000)
  await notice.waitFor()
})

t.test('what somebody has typed stays while the page lives', { skip }, async t => {
  const { page } = await openPage(t, browser)
  await page.clock.install()
  await signIn(page, url)
  await page.goto(`${url}/console/channels`)
  let refreshes = 0
  page.on('request', request => { if (request.resourceType() === 'fetch') refreshes++ })
  await page.clock.runFor(6000)
  t.ok(await eventually(async () => refreshes, count => count > 0) > 0)
  await page.getByText(en.channels.try).click()
  await page.getByLabel(en.channels.payload).fill('{}')
  await page.getByText(en.channels.try).click()
  await page.getByRole('heading', { level: 1 }).click()
  const before = refreshes
  await page.clock.runFor(12_000)
  t.equal(await page.locator('textarea').first().inputValue(), '{}')
  t.equal(refreshes, before)
})

t.test('no page is wider than a screen of 320 pixels, and the browser complains of none', { skip }, async t => {
  const { page, faults } = await openPage(t, browser, { viewport: SMALL })
  await visitAll(page, url, { texts: en, ids: await ids(), look: async name => { t.ok(await fits(page), name) } })
  t.strictSame(faults, [])
})

t.test('axe finds nothing on any page', { skip }, async t => {
  const { page } = await openPage(t, browser, { colorScheme: 'light', bypassCSP: true })
  await visitAll(page, url, { texts: en, ids: await ids(), look: async name => { t.strictSame(await findings(page, { rules: { 'target-size': { enabled: true } } }), [], name) } })
  t.ok(await brightness(page) > 192)
})

t.test('in the dark, in Russian, each page can be read and fits a small screen', { skip }, async t => {
  const { page } = await openPage(t, browser, { colorScheme: 'dark', locale: 'ru', viewport: SMALL, bypassCSP: true })
  await visitAll(page, url, {
    texts: ru,
    ids: await ids(),
    async look (name) {
      t.ok(await fits(page), name)
      t.strictSame(await findings(page, { runOnly: ['color-contrast'] }), [], name)
    },
  })
  t.ok(await brightness(page) < 64)
})

async function ids () {
  return { confirmed: await idOf('m1'), dead: await idOf('m3'), unknown: await idOf(LONG_ID) }
}

async function fits (page: Page): Promise<boolean> {
  return await page.evaluate('document.documentElement.scrollWidth <= innerWidth') as boolean
}

/** Of the page's background, from 0 to 255. */
async function brightness (page: Page): Promise<number> {
  return Number(/\d+/.exec(await page.evaluate('getComputedStyle(document.body).backgroundColor') as string)?.[0])
}

/** Presses Tab until the element has the focus, and can be seen to have it. */
async function tabTo (t: Test, page: Page, selector: string, key = 'Tab'): Promise<void> {
  const has = async (): Promise<boolean> => await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`) as boolean
  for (let presses = 0; presses < 60 && !await has(); presses++) await page.keyboard.press(key)
  t.ok(await has(), `${key} reaches ${selector}`)
  t.not(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none', `${selector} shows that it has the focus`)
}

async function follow (t: Test, page: Page, selector: string, title: string): Promise<void> {
  await tabTo(t, page, selector)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: title }).waitFor()
}

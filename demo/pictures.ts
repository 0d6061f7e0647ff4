import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { en } from '../src/console/texts/en.ts'
import { findChromium, openChromium } from './chromium.ts'
import { toPalette } from './png.ts'

/*
 * Makes the README's pictures of the console from the demo.
 */

const folder = join(import.meta.dirname, '../docs/pictures')
const MESSAGE = 'm-7'

const path = findChromium()
if (path === null) {
  console.error('There is no Chromium: install chromium, or set CHROMIUM to its path.')
  process.exit(1)
}

const demo = spawn(process.execPath, [join(import.meta.dirname, 'demo.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
try {
  const { address, token } = await readInvitation()
  await mkdir(folder, { recursive: true })
  const browser = await openChromium(path)
  const page = await browser.newPage({ locale: 'en', colorScheme: 'light', deviceScaleFactor: 1, viewport: { width: 1000, height: 600 } })
  await page.goto(address)
  await page.getByLabel(en.signIn.token).fill(token)
  await page.getByRole('button', { name: en.signIn.button }).click()
  await page.getByRole('heading', { level: 1, name: en.overview.title }).waitFor()
  // The counts of the day are stored every few seconds; the page's script shows them.
  await page.getByText(en.overview.noShare).waitFor({ state: 'detached', timeout: 30_000 })
  await take(page, 'overview.png')
  await page.getByLabel(en.search.label).fill(MESSAGE)
  await page.getByRole('button', { name: en.search.button }).click()
  await page.locator('.story').waitFor()
  await take(page, 'edit.png')
  await browser.close()
} finally {
  if (demo.exitCode === null) {
    demo.kill('SIGTERM')
    await once(demo, 'exit')
  }
}

/** The console's address and token, which the demo prints in the end. */
async function readInvitation (): Promise<{ readonly address: string, readonly token: string }> {
  let printed = ''
  for await (const chunk of demo.stdout) {
    printed += String(chunk)
    const [, address, token] = /^Its console +(\S+)\nThe console's token +(\S+)$/m.exec(printed) ?? []
    if (address !== undefined && token !== undefined) return { address, token }
  }
  throw new Error(`the demo ended early:\n${printed}`)
}

/** The page without the margin below its last section. */
async function take (page: Page, name: string): Promise<void> {
  const box = await page.locator('main > :last-child').boundingBox()
  const height = Math.ceil((box?.y ?? 0) + (box?.height ?? 600)) + 16
  const picture = toPalette(await page.screenshot({ fullPage: true, clip: { x: 0, y: 0, width: 1000, height } }))
  await writeFile(join(folder, name), picture)
  console.log(`docs/pictures/${name}: ${Math.round(picture.length / 1024)} KiB`)
}

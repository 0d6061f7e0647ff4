import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium, type Browser } from 'playwright-core'

/** The path of Chromium: `CHROMIUM`, else `chromium` on the PATH, else null. */
export function findChromium (): string | null {
  const { CHROMIUM = '', PATH = '' } = process.env
  if (CHROMIUM !== '') return CHROMIUM
  return PATH.split(delimiter).filter(folder => folder !== '').map(folder => join(folder, 'chromium')).find(isProgram) ?? null
}

export async function openChromium (executablePath: string): Promise<Browser> {
  return await chromium.launch({ executablePath })
}

function isProgram (path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

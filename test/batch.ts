import { globSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'

const tests = import.meta.dirname

/** The test files of a folder of test/, in order. */
export function filesOf (folder: string): string[] {
  return globSync(`${folder}/**/*.test.ts`, { cwd: tests }).sort()
}

/**
 * Runs the tests of a folder in one process: to start one, and to load tap and the relay into it, takes longer than most tests do. Each file
 * remains a test of its own, to be run as `npm test -- test/text/rich.test.ts`.
 */
export async function runBatch (folder: string): Promise<void> {
  const files = filesOf(folder)
  const loading = Promise.withResolvers<undefined>()
  // Holds the others back: tap would take the end of one file for the end of all.
  t.test(`the ${files.length} files of test/${folder} are loaded`, async () => { await loading.promise })
  try {
    for (const file of files) await import(pathToFileURL(join(tests, file)).href)
    loading.resolve(undefined)
  } catch (error) {
    loading.reject(error)
  }
}

import fs, { mkdirSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { prepareFile } from '../../../src/outbox/sqlite/file.ts'

/** The paths that are synced from now on. No test can cut the power, so this looks at the calls. */
function watchSyncs (t: Test): string[] {
  const { openSync, fsyncSync } = fs
  const opened = new Map<number, string>()
  const synced: string[] = []
  Object.assign(fs, {
    openSync: (...args: Parameters<typeof openSync>) => {
      const descriptor = openSync(...args)
      opened.set(descriptor, String(args[0]))
      return descriptor
    },
    fsyncSync: (descriptor: number) => {
      fsyncSync(descriptor)
      synced.push(opened.get(descriptor) ?? '')
    },
  })
  syncBuiltinESMExports()
  t.teardown(() => {
    Object.assign(fs, { openSync, fsyncSync })
    syncBuiltinESMExports()
  })
  return synced
}

t.test('each folder that is new is durable in its own folder', async t => {
  const folder = t.testdir()
  const synced = watchSyncs(t)
  t.equal(prepareFile(join(folder, 'a', 'b', 'c', 'relay.db')), join(folder, 'a', 'b', 'c', 'relay.db'))
  t.strictSame(synced, [join(folder, 'a', 'b'), join(folder, 'a'), folder])
})

t.test('a folder that is there needs no sync', async t => {
  const folder = t.testdir()
  mkdirSync(join(folder, 'a'))
  const synced = watchSyncs(t)
  prepareFile(join(folder, 'a', 'relay.db'))
  t.strictSame(synced, [])
})

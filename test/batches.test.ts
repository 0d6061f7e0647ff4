import t from 'tap'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import { filesOf } from './batch.ts'

const root = join(import.meta.dirname, '..')

t.test('npm test runs every test file, and none of them twice', async t => {
  const { include } = parse(readFileSync(join(root, '.taprc'), 'utf8')) as { include: string[] }
  const started = globSync(include, { cwd: root })
  const run = started.flatMap(path => path.startsWith('test/batches/') ? filesOf(basename(path, '.ts')).map(file => `test/${file}`) : [path])
  t.strictSame(run.sort(), globSync('test/**/*.test.ts', { cwd: root }).sort())
})

t.test('what runs a folder names it', async t => {
  for (const path of globSync('test/batches/*.ts', { cwd: root })) {
    t.ok(readFileSync(join(root, path), 'utf8').includes(`await runBatch('${basename(path, '.ts')}')`), path)
  }
})

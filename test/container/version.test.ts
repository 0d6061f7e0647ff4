import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8')

t.test('package, image and changelog agree on the version', async t => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  t.match(read('Dockerfile'), new RegExp(`^ARG VERSION=${version}$`, 'm'))
  t.match(read('package-lock.json'), new RegExp(`^  "version": "${version}",$`, 'm'))
  const [, ...sections] = read('CHANGELOG.md').split(/^## /m)
  const released = sections.filter(section => !section.startsWith('Unreleased'))
  if (released.length > 0) t.match(released[0], new RegExp(`^${version} — \\d{4}-\\d{2}-\\d{2}\n`))
})

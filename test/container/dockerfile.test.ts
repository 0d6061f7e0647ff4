import { existsSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../..')
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8').replace(/^#.*\n/gm, '').replaceAll(/\\\n\s*/g, '')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<'dependencies' | 'devDependencies' | 'engines', Record<string, string>>

interface Stage {
  readonly name: string
  readonly from: string
  /** Instructions in their order, as `['COPY', 'src src']`. */
  readonly instructions: ReadonlyArray<readonly [string, string]>
}

const stages: readonly Stage[] = dockerfile.split(/^(?=FROM )/m).filter(part => part.startsWith('FROM')).map(part => {
  const [head = '', ...lines] = part.trim().split('\n').filter(line => line !== '')
  const [, from = '', name = ''] = /^FROM (\S+) AS (\S+)$/.exec(head) ?? []
  return { name, from, instructions: lines.map(line => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as const) }
})

/** A stage's instructions, those of the stage that it builds upon first. */
function allInstructions (name: string): ReadonlyArray<readonly [string, string]> {
  const stage = stages.find(stage => stage.name === name)
  return stage === undefined ? [] : [...allInstructions(stage.from), ...stage.instructions]
}

function last (name: string, instruction: string): string | undefined {
  return allInstructions(name).findLast(([word]) => word === instruction)?.[1]
}

/** The paths that come from the build context, as they are named from the project's folder. */
function copied (name: string): string[] {
  return allInstructions(name).filter(([word, rest]) => word === 'COPY' && !rest.startsWith('--from')).flatMap(([, rest]) => rest.split(' ').slice(0, -1))
}

t.test('the default target is the relay, on the Node that the tests run on, pinned by its digest', async t => {
  t.equal(stages.at(-1)?.name, 'relay')
  const [node = '', ...others] = stages.map(({ from }) => from)
  t.match(node, new RegExp(`^node:${manifest.devDependencies.node}-slim@sha256:[0-9a-f]{64}$`))
  t.same(others, ['runtime', 'runtime', 'base', 'base'])
  t.equal(manifest.engines.node, '>=26')
})

for (const name of ['relay', 'sandbox']) {
  t.test(`the image ${name}`, async t => {
    t.equal(last(name, 'USER'), 'node', 'runs as uid 1000')
    const command = JSON.parse(last(name, 'CMD') ?? '') as string[]
    t.equal(command[0], 'node', 'starts Node without a shell, which would keep SIGTERM to itself')
    const check = JSON.parse(/ CMD (\[.*\])$/.exec(last(name, 'HEALTHCHECK') ?? '')?.[1] ?? '') as string[]
    t.same(check.slice(0, 2), ['node', 'docker/healthcheck.ts'], 'is asked for its health by Node itself')

    const entries = [command.at(-1), check[1], ...(name === 'sandbox' ? ['docker/conversation.ts'] : ['src/cli.ts', 'src/outbox/sqlite/thread.ts'])]
    const { files, packages } = reach(entries.map(String))
    t.same(files.filter(file => !copied(name).some(path => file === path || file.startsWith(`${path}/`))), [], 'has every file that its code imports')
    t.same(packages.filter(found => !Object.hasOwn(manifest.dependencies, found)), [], 'has every package that its code imports')
  })
}

t.test('the relay\'s image has neither tests nor the sandbox, nor any folder that it does not need', async t => {
  t.same(copied('relay'), ['package.json', 'LICENSE', 'docker/healthcheck.ts', 'src', 'routes'])
})

t.test('dependencies are installed apart from the code, the production ones only', async t => {
  t.same(stages.find(({ name }) => name === 'dependencies')?.instructions.map(([word, rest]) => `${word} ${rest}`).slice(-2), [
    'COPY package.json package-lock.json ./',
    'RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund',
  ])
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, { dev?: boolean, hasInstallScript?: boolean }> }
  const scripted = Object.entries(lock.packages).filter(([, { dev, hasInstallScript }]) => hasInstallScript === true && dev !== true)
  t.same(scripted, [], 'and none of them has an install script, which would not run')
})

t.test('data is kept in a volume of uid 1000', async t => {
  t.equal(last('relay', 'VOLUME'), '/data')
  t.equal(last('relay', 'ENV'), 'DATABASE_URL=file:/data/relay.db')
  const words = allInstructions('relay').map(([word, rest]) => `${word} ${rest}`)
  const made = words.indexOf('RUN mkdir --mode=700 /data && chown node:node /data')
  t.ok(made > 0 && made < words.indexOf('VOLUME /data'), 'which gets its owner before it becomes one: later changes are lost')
})

t.test('the build context holds what is copied, and nothing that is not named', async t => {
  const [first, ...allowed] = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n').filter(line => line !== '' && !line.startsWith('#'))
  t.equal(first, '*')
  const names = allowed.filter(line => line.startsWith('!')).map(line => line.slice(1))
  for (const path of ['relay', 'sandbox', 'dependencies'].flatMap(copied)) {
    t.ok(existsSync(join(root, path)), `${path} exists`)
    t.ok(names.some(name => path === name || path.startsWith(`${name}/`) || (name === 'docker/*.ts' && /^docker\/\w+\.ts$/.test(path))), `${path} is in the context`)
  }
})

/** Every file and package that the entries import, directly or not; imports of types alone are gone when Node runs the file. */
function reach (entries: readonly string[]): { files: string[], packages: string[] } {
  const files = new Set<string>()
  const packages = new Set<string>()
  const visit = (file: string): void => {
    if (files.has(file)) return
    files.add(file)
    if (!file.endsWith('.ts')) return
    for (const [, clause = '', name = ''] of readFileSync(join(root, file), 'utf8').matchAll(/^(?:await import\(|(?:import|export) (?!type ))(?:([^']*?) from )?'([^']+)'/gm)) {
      if (/^\{(\s*type \w+,?)+\s*\}$/.test(clause)) continue
      if (name.startsWith('.')) visit(relative(root, join(root, dirname(file), name)))
      else if (!name.startsWith('node:') && !builtinModules.includes(name)) packages.add(name.split('/').slice(0, name.startsWith('@') ? 2 : 1).join('/'))
    }
  }
  entries.forEach(visit)
  return { files: [...files], packages: [...packages] }
}

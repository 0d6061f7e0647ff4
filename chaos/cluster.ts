import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from '../demo/processes.ts'
import { installPostgres } from '../test/postgres.ts'
import { until } from './verdict.ts'

const run = promisify(execFile)

/** A shell that stops the servers and removes their files when the process that started them ends, also after a crash. */
const CLEANUP = 'cat > /dev/null; for data in "$@"; do "$0/pg_ctl" -D "$data" -m immediate stop > /dev/null 2>&1; done; rm -rf "$FOLDER"'

const STANDBY = 'standby'

interface Server {
  readonly port: number
  readonly data: string
}

export type Cluster = Awaited<ReturnType<typeof openCluster>>

/** A PostgreSQL with two servers. The primary confirms a commit only after the standby has it on disk too. */
export async function openCluster () {
  const { folder, bin, owner, initialize } = installPostgres()
  const servers: Server[] = []
  for (const name of ['one', 'two']) servers.push({ port: await freePort(), data: join(folder, name) })
  let [primary, standby] = servers as [Server, Server]
  const cleanup = spawn('sh', ['-c', CLEANUP, bin, ...servers.map(({ data }) => data)], { ...owner, cwd: '/', env: { ...process.env, FOLDER: folder }, stdio: ['pipe', 'ignore', 'ignore'], detached: true })

  async function control (server: Server, ...args: string[]): Promise<void> {
    await run(join(bin, 'pg_ctl'), ['-D', server.data, '-w', ...args], { ...owner, cwd: folder })
  }

  async function start (server: Server): Promise<void> {
    const options = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=60', 'shared_buffers=32MB', 'wal_keep_size=256MB', `port=${server.port}`]
    await control(server, 'start', '-l', `${server.data}.log`, '-o', options.map(option => `-c ${option}`).join(' '))
  }

  /** Runs SQL on the primary as an administrator would. */
  async function query<Row extends pg.QueryResultRow> (...statements: string[]): Promise<Row[]> {
    const client = new pg.Client({ host: '127.0.0.1', port: primary.port, user: 'postgres', database: 'postgres' })
    client.on('error', () => {})
    await client.connect()
    try {
      let rows: Row[] = []
      for (const statement of statements) rows = (await client.query<Row>(statement)).rows
      return rows
    } finally {
      await client.end()
    }
  }

  /** Copies the running primary to the standby. From then on each commit waits for both. */
  async function attachStandby (): Promise<void> {
    await rm(standby.data, { recursive: true, force: true })
    const client = new pg.Client({ host: '127.0.0.1', port: primary.port, user: 'postgres', database: 'postgres' })
    await client.connect()
    await client.query('SELECT pg_backup_start(\'standby\', true)')
    // A file may vanish during the copy. The log restores it.
    await run('cp', ['-a', primary.data, standby.data], owner).catch(() => {})
    const { rows: [backup] } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)')
    await client.end()
    await rm(join(standby.data, 'postmaster.pid'), { force: true })
    await run('sh', ['-c', 'rm -rf "$0"/pg_wal/*; mkdir -p "$0/pg_wal/archive_status"', standby.data], owner)
    await write('backup_label', backup?.labelfile ?? '')
    await write('standby.signal', '')
    await appendFile(join(standby.data, 'postgresql.auto.conf'), `\nprimary_conninfo = 'host=127.0.0.1 port=${primary.port} user=postgres application_name=${STANDBY}'\n`)
    await start(standby)
    await query(`ALTER SYSTEM SET synchronous_standby_names = '${STANDBY}'`, 'SELECT pg_reload_conf()')
    const isSynchronous = await until(async () => (await query('SELECT FROM pg_stat_replication WHERE sync_state = \'sync\'')).length === 1)
    if (!isSynchronous) throw new Error('the standby does not follow')
  }

  async function write (name: string, content: string): Promise<void> {
    const path = join(standby.data, name)
    await writeFile(path, content)
    if ('uid' in owner) await run('chown', [`${owner.uid}:${owner.gid}`, path])
  }

  async function close (): Promise<void> {
    cleanup.stdin?.end()
    if (cleanup.exitCode === null) await once(cleanup, 'exit')
  }

  try {
    initialize(primary.data)
    await start(primary)
    await attachStandby()
  } catch (error) {
    await close()
    throw error
  }

  return {
    ports: servers.map(({ port }) => port),
    query,
    close,

    /** `fast`: a regular stop. `immediate`: a crash. */
    async restart (mode: 'fast' | 'immediate'): Promise<void> {
      await control(primary, 'stop', '-m', mode)
      await start(primary)
    },

    async killBackends (): Promise<void> {
      await query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = \'client backend\' AND pid <> pg_backend_pid()')
    },

    /** Kills the primary with `kill -9` and promotes the standby. */
    async failOver (): Promise<void> {
      process.kill(Number((await readFile(join(primary.data, 'postmaster.pid'), 'utf8')).split('\n')[0]), 'SIGKILL')
      await control(standby, 'promote')
      ;[primary, standby] = [standby, primary]
    },

    attachStandby,
  }
}

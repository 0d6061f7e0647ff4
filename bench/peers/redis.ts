import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from '../../demo/processes.ts'

export interface Redis {
  readonly port: number
  stop (): Promise<void>
}

/** A Redis that answers a write after it is on disk. */
export async function startRedis (folder: string): Promise<Redis> {
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
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    },
  }
}

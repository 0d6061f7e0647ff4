import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import { freePort } from '../demo/processes.ts'

/** The Redis of TEST_REDIS_URL, or one started from `redis-server`; null where there is neither, since no package brings a real one. */
export async function startRedis (t: Pick<Test, 'teardown'>): Promise<string | null> {
  const given = process.env.TEST_REDIS_URL
  if (given !== undefined && given !== '') return given
  const port = await freePort()
  const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const isThere = await Promise.race([once(server, 'spawn').then(() => true), once(server, 'error').then(() => false)])
  if (!isThere) return null
  t.teardown(async () => {
    server.kill()
    await once(server, 'exit')
  })
  for await (const chunk of server.stdout) if (String(chunk).includes('Ready to accept connections')) break
  server.stdout.resume()
  return `redis://127.0.0.1:${port}/0`
}

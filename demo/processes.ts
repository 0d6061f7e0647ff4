import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const root = join(import.meta.dirname, '..')

/**
 * The same settings as in the image. A small young generation and at most two malloc arenas save memory. With the compile cache, Node need
 * not strip the types of the entry file: the start takes 0.88 s instead of 1.01 s (medians of 11).
 */
const NODE_FLAGS = ['--max-semi-space-size=8']
const NODE_ENV = { MALLOC_ARENA_MAX: '2', NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') }

/** A server of this project in its own process. */
export interface Running {
  readonly url: string
  readonly port: number
  readonly child: ChildProcess
  /** The end of its output, at least the last 200 kB. */
  output (): string
  /** Sends SIGTERM or another signal. Fulfils with the exit code, or null if the signal killed it. */
  stop (signal?: NodeJS.Signals): Promise<number | null>
}

interface StartOptions {
  readonly script: string
  readonly env: Readonly<Record<string, string>>
  /** Answers with a status below 500 once the server is ready. */
  readonly readyPath: string
  readonly port?: number
  /** How long to wait for readyPath. */
  readonly waitMs?: number
}

export async function startSandboxProcess (env: Readonly<Record<string, string>> = {}): Promise<Running> {
  return await startProcess({ script: 'sandbox/server.ts', env, readyPath: '/sandbox/faults' })
}

export async function startRelayProcess (env: Readonly<Record<string, string>>, port?: number): Promise<Running> {
  return await startProcess({ script: 'src/server.ts', env, readyPath: '/readyz', ...(port === undefined ? {} : { port }) })
}

/** A relay's configuration for the sandbox's connector. */
export function sandboxEnv (portalUrl: string): Record<string, string> {
  return {
    BITRIX24_PORTAL_URL: portalUrl,
    BITRIX24_OAUTH_URL: portalUrl,
    BITRIX24_CLIENT_ID: 'local.relay',
    BITRIX24_CLIENT_SECRET: 'relay-secret',
    BITRIX24_REFRESH_TOKEN: 'relay-refresh',
    BITRIX24_CONNECTOR: 'relay_demo',
    BITRIX24_LINE: '1',
  }
}

/** The running processes that this program has started. */
const alive = new Set<ChildProcess>()
let isEnding = false

/** Stops all servers of this program, including those that are starting, and prevents further starts. */
export async function endProcesses (): Promise<void> {
  isEnding = true
  await Promise.all([...alive].map(child => end(child, 'SIGTERM')))
}

async function end (child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (!alive.has(child)) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

export async function startProcess ({ script, env, readyPath, port: wanted, waitMs = 20_000 }: StartOptions): Promise<Running> {
  const port = wanted ?? await freePort()
  if (isEnding) throw new Error(`${script} is not started: the program ends`)
  const output = createTail(200_000)
  // In its own process group, so Ctrl-C reaches only this program, which then stops the server.
  const child = spawn(process.execPath, [...NODE_FLAGS, join(root, script)], {
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: String(port), ...NODE_ENV, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  alive.add(child)
  child.once('exit', () => alive.delete(child))
  child.stdout.on('data', output.add)
  child.stderr.on('data', output.add)
  const running: Running = {
    url: `http://127.0.0.1:${port}`,
    port,
    child,
    output: output.text,
    async stop (signal = 'SIGTERM') {
      await end(child, signal)
      return child.exitCode
    },
  }
  const deadline = performance.now() + waitMs
  while (performance.now() < deadline) {
    if (!alive.has(child)) throw new Error(`${script} ended with ${child.exitCode ?? child.signalCode} before it was ready:\n${output.text()}`)
    const response = await fetch(running.url + readyPath).catch(() => null)
    await response?.body?.cancel()
    if (response !== null && response.status < 500) return running
    await sleep(30)
  }
  await running.stop('SIGKILL')
  throw new Error(`${script} was not ready within ${waitMs} ms:\n${output.text()}`)
}

/** Keeps chunks, which is cheap: a server under load prints a line for each request and shares its cores with the benchmark. */
function createTail (bytes: number) {
  let chunks: Buffer[] = []
  let length = 0
  return {
    add (chunk: Buffer): void {
      chunks.push(chunk)
      length += chunk.length
      if (length < 2 * bytes) return
      chunks = [Buffer.concat(chunks).subarray(-bytes)]
      length = bytes
    },
    text: () => Buffer.concat(chunks).toString(),
  }
}

export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

import { get } from 'node:http'

const TIMEOUT_MS = 2500

/**
 * Whether the server that this environment describes answers `path` with a 2xx: 0 if so, else 1, as HEALTHCHECK wants it.
 * A server that listens on all addresses is asked on the loopback one. Not by `fetch`, which refuses some ports.
 */
export async function checkHealth (env: Readonly<Record<string, string | undefined>>, path = '/livez'): Promise<0 | 1> {
  const host = orElse(env.HOST, '0.0.0.0').replace(/^0\.0\.0\.0$/, '127.0.0.1').replace(/^::$/, '::1')
  const port = orElse(env.PORT, '3000')
  const { promise, resolve } = Promise.withResolvers<string | null>()
  get({ host, port, path, signal: AbortSignal.timeout(TIMEOUT_MS) }, response => {
    const { statusCode = 0 } = response.resume()
    resolve(statusCode >= 200 && statusCode < 300 ? null : `answered ${statusCode}`)
  }).on('error', error => { resolve(error.message) })

  const fault = await promise
  // Docker keeps what a failing check prints: `docker inspect` shows it.
  if (fault !== null) console.error(`${path} at ${host} port ${port}: ${fault}`)
  return fault === null ? 0 : 1
}

function orElse (value: string | undefined, fallback: string): string {
  return value === undefined || value === '' ? fallback : value
}

if (import.meta.main) process.exitCode = await checkHealth(process.env, process.argv[2])

import { readFileSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import packageJson from '../package.json' with { type: 'json' }

/*
 * The process: environment, signals, exit code. Node stores compiled code in the system's temporary folder (or in NODE_COMPILE_CACHE), which halves
 * the time of the next start. Static imports would be compiled before the cache is enabled.
 */
enableCompileCache()
const { default: closeWithGrace } = await import('close-with-grace')
const { destination } = await import('pino')
const { ConfigError } = await import('./base/errors.ts')
const { createLog } = await import('./base/log.ts')
const { loadConfig } = await import('./config/config.ts')
const { startRelay } = await import('./relay.ts')

/** Longer than the relay needs to stop. After it the process exits with code 1. */
const STOP_MS = 20_000

/** A start that a signal interrupts may end first, so that the relay stops as usual. A start that waits for its database takes longer. */
const START_MS = 6000

const config = readConfig()
const output = destination({ fd: 1, sync: false })
const log = createLog(config.logLevel, output)

const starting = startRelay({
  config,
  version: packageJson.version,
  log,
  onLost (error) {
    log.fatal({ event: 'store.lost', err: error }, 'store.lost')
    finish('process.stopped', 1)
  },
})

closeWithGrace({ delay: STOP_MS, logger: false, onSecondSignal: () => finish('signal.second', 1), onTimeout: () => finish('stop.timeout', 1) }, async ({ signal, err }) => {
  if (err) log.fatal({ event: 'process.failed', err }, 'process.failed')
  else log.info({ event: 'process.stopping', signal }, 'process.stopping')
  const relay = await Promise.race([starting.catch(() => null), sleep(START_MS, null)])
  await relay?.stop()
  log.info({ event: 'process.stopped' }, 'process.stopped')
  output.flushSync()
})

try {
  const { url } = await starting
  log.info({ event: 'process.started', version: packageJson.version, url, channels: [...config.channels.keys()], portal: config.portal.url }, 'process.started')
} catch (error) {
  log.fatal({ event: 'start.failed', err: error }, 'start.failed')
  output.flushSync()
  console.error(`imconnector-relay cannot start: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}

function readConfig () {
  try {
    return loadConfig(process.env, path => readFileSync(path, 'utf8'))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(`imconnector-relay cannot start: ${error.message}`)
    process.exit(1)
  }
}

function finish (event: string, code: number): never {
  log.info({ event }, event)
  output.flushSync()
  process.exit(code)
}

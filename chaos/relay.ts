import { readFileSync } from 'node:fs'
import { loadConfig } from '../src/config/config.ts'
import { createLog } from '../src/base/log.ts'
import { startRelay } from '../src/relay.ts'

/*
 * A relay like that of `npm start`, but with a lease of CHAOS_LEASE_MS, so a scenario waits less for the next leader. It handles no signals:
 * scenarios kill it.
 */

const config = loadConfig(process.env, path => readFileSync(path, 'utf8'))
const log = createLog(config.logLevel)
await startRelay({
  config,
  version: 'chaos',
  log,
  leaseMs: Number(process.env.CHAOS_LEASE_MS),
  onLost (error) {
    log.fatal({ event: 'store.lost', err: error }, 'store.lost')
    process.exit(1)
  },
})

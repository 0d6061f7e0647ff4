import { Redis } from 'ioredis'
import type { Log } from './log.ts'

/** A count that takes longer is not waited for: the limit protects the relay, and must not stop it. */
const COMMAND_TIMEOUT_MS = 500

/** The Redis in which relays count webhooks together. It reconnects by itself; while it is away commands fail at once. */
export function createRedis (url: string, log: Log): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: COMMAND_TIMEOUT_MS, connectTimeout: 5000 })
  let isAway = false
  redis.on('error', (error: Error) => {
    // It is told of each attempt to reconnect.
    if (!isAway) log.error({ event: 'redis.away', err: error }, 'redis.away')
    isAway = true
  })
  redis.on('ready', () => {
    if (isAway) log.info({ event: 'redis.back' }, 'redis.back')
    isAway = false
  })
  return redis
}

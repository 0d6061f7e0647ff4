import type { Logger } from 'pino'

/** What the parts below `app.ts` need of a logger. */
export type Log = Pick<Logger, 'info' | 'warn' | 'error'>

import { enableCompileCache } from 'node:module'

/** The entry of the thread. Like src/server.ts it stores compiled code for the next start: a thread does not share its process's setting. */
enableCompileCache()
await import('./worker.ts')

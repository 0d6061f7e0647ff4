import { enableCompileCache } from 'node:module'

/** The thread's entry: like src/server.ts, it keeps what Node compiles for the next start, since a thread does not share its process's. */
enableCompileCache()
await import('./worker.ts')

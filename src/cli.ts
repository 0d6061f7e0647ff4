import { enableCompileCache } from 'node:module'

/** The command line's entry: like src/server.ts, it keeps what Node compiles for the next time. */
enableCompileCache()
await import('./cli/program.ts')

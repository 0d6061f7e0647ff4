import { enableCompileCache } from 'node:module'

/*
 * The relay's entry. What Node compiles, types stripped, is kept in the system's temporary folder (or in NODE_COMPILE_CACHE) for the next start,
 * which then takes about half the time; where nothing can be written, nothing is kept. A static import would be compiled before it is kept.
 */
enableCompileCache()
await import('./process.ts')

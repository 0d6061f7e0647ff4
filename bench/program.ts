import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endProcesses } from '../demo/processes.ts'

interface Resources {
  /** A temporary folder. */
  readonly folder: string
  /** What has to end with the program, besides its servers. */
  readonly ends: AsyncDisposableStack
}

/** Runs a benchmark. When it ends, also by Ctrl-C, its servers end and its folder is removed. */
export async function runProgram (measure: (resources: Resources) => Promise<void>): Promise<void> {
  const ends = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'imconnector-relay-bench-'))
  ends.defer(async () => { await rm(folder, { recursive: true, force: true }) })
  ends.defer(endProcesses)

  const interruption = Promise.withResolvers<'interrupted'>()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { interruption.resolve('interrupted') })
  let end: 'finished' | 'interrupted'
  try {
    end = await Promise.race([measure({ folder, ends }).then(() => 'finished' as const), interruption.promise])
  } finally {
    await ends.disposeAsync()
  }
  // The benchmark still runs, but without servers.
  if (end === 'interrupted') process.exit(130)
}

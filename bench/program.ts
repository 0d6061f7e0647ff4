import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endProcesses } from '../demo/processes.ts'

/** A folder for what is measured, and what has to end with the program besides its servers. */
export interface Ground {
  readonly folder: string
  readonly ends: AsyncDisposableStack
}

/** Runs a program that measures. However it ends, also by Ctrl-C, its servers end with it and its folder goes. */
export async function runProgram (measure: (ground: Ground) => Promise<void>): Promise<void> {
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
  // What is still under way has lost its servers.
  if (end === 'interrupted') process.exit(130)
}

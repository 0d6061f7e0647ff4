import { rm } from 'node:fs/promises'
import type { Running } from '../demo/processes.ts'

export type KeptProcesses = ReturnType<typeof keepProcesses>

const open = new Set<KeptProcesses>()

/** Ends all kept processes, so an interrupted program leaves none behind. */
export async function endAll (): Promise<void> {
  await Promise.all([...open].map(processes => processes.close()))
}

/** Keeps the processes that work in a folder. `close` ends them, also one that is only starting, and removes the folder. */
export function keepProcesses (folder: string) {
  const kept = new Set<Running>()
  let isClosed = false
  const processes = {
    folder,
    isClosed: () => isClosed,

    /** Rejects if it was closed meanwhile. */
    async add (starting: Promise<Running>): Promise<Running> {
      const running = await starting
      kept.add(running)
      running.child.once('exit', () => kept.delete(running))
      if (!isClosed) return running
      await running.stop('SIGKILL')
      throw new Error('it was closed meanwhile')
    },

    async close (): Promise<void> {
      isClosed = true
      open.delete(processes)
      for (const running of kept) await running.stop('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
  open.add(processes)
  return processes
}

import { rm } from 'node:fs/promises'
import type { Running } from '../demo/processes.ts'

export type Keeper = ReturnType<typeof createKeeper>

const open = new Set<Keeper>()

/** Ends everything that anybody keeps, so that an interrupted program leaves no process behind. */
export async function closeKeepers (): Promise<void> {
  await Promise.all([...open].map(keeper => keeper.close()))
}

/** Remembers the processes that work in a folder. `close` ends them, also one that is only starting then, and removes the folder. */
export function createKeeper (folder: string) {
  const kept = new Set<Running>()
  let isClosed = false
  const keeper = {
    folder,
    isClosed: () => isClosed,

    /** Rejects when it was closed meanwhile. */
    async keep (starting: Promise<Running>): Promise<Running> {
      const running = await starting
      kept.add(running)
      running.child.once('exit', () => kept.delete(running))
      if (!isClosed) return running
      await running.stop('SIGKILL')
      throw new Error('it was closed meanwhile')
    },

    async close (): Promise<void> {
      isClosed = true
      open.delete(keeper)
      for (const running of kept) await running.stop('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
  open.add(keeper)
  return keeper
}

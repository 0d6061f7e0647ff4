import { openArena } from '../arena.ts'
import { createSenders } from '../load.ts'
import { drain, judge, weigh, type Report } from '../verdict.ts'

/** SIGTERM under load: each stop exits with 0 and leaves no call in doubt. */
export async function sigterm (rounds: number): Promise<Report> {
  const arena = await openArena()
  try {
    const faults: string[] = []
    const senders = createSenders(arena)
    await arena.load({ msPerMessage: 1 })
    const stopLoad = senders.run(8)
    for (let round = 1; round <= rounds; round++) {
      await senders.acknowledged(10 + Math.random() * 120)
      const code = await arena.stop('SIGTERM')
      if (code !== 0) faults.push(`exit code ${code}`)
      await arena.start()
      faults.push(...weigh(await arena.status()))
      if (arena.relay().output().includes('courier.recovered')) faults.push('a call was left in doubt')
    }
    await stopLoad()
    await drain(arena, senders)
    return await judge(arena, senders, { scenario: 'SIGTERM under load', rounds, faults })
  } finally {
    await arena.close()
  }
}

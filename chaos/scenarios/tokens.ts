import { openArena } from '../arena.ts'
import { createSenders } from '../load.ts'
import { drain, judge, type Report } from '../verdict.ts'

/** The faults of the refresh, in turn. If its answer is lost, so is the pair, unless the refresh is repeated in time. */
const REFRESHES = [null, 'reset', '503', 'html-502', 'lost-answer', 'half', 'lost-answer', '500', '429', 'redirect'] as const

/** Tokens that expire during a drain, and refreshes whose answers are lost. */
export async function tokens (rounds: number): Promise<Report> {
  const arena = await openArena()
  try {
    const faults: string[] = []
    const senders = createSenders(arena)
    let installs = 0
    // The first call of all renews the token that the relay was given.
    await senders.edit('waker')
    await drain(arena, senders)
    await arena.load({ msPerMessage: 2 })
    for (let round = 0; round < rounds; round++) {
      const refresh = REFRESHES[round % REFRESHES.length] ?? null
      const before = await refreshes()
      if (refresh !== null) await arena.fault([{ method: 'oauth.token', fault: refresh }])
      await arena.fault([{ method: 'imconnector.update.messages', fault: 'expired-token' }])
      const stopLoad = senders.run(8)
      while (await arena.faultsLeft() > 0) await senders.edit('waker')
      await stopLoad()
      installs += await drain(arena, senders)
      // One refresh for the expired token, and repeats only if its answer was lost.
      const asked = await refreshes() - before
      const allowed = refresh === null ? 1 : 3
      if (asked > allowed) faults.push(`${asked} refreshes where ${allowed} would do (${refresh})`)
    }
    return await judge(arena, senders, { scenario: 'tokens run out, refreshes are lost', rounds, faults, notes: [`${installs} installs`] })

    async function refreshes (): Promise<number> {
      return (await arena.calls()).filter(call => call.method === 'oauth.token').length
    }
  } finally {
    await arena.close()
  }
}

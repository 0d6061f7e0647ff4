import { openArena } from '../arena.ts'
import { createSenders } from '../load.ts'
import { drain, ENDED_BY_INSTALL, judge, weigh, type Report } from '../verdict.ts'

/**
 * `kill -9` at random moments under load, also during a start, during a refresh of tokens, and while the outcomes of the last kill are still unknown.
 * The portal takes 1 ms for each message, so there is always a running call.
 */
export async function killNine (rounds: number): Promise<Report> {
  const arena = await openArena()
  try {
    const faults: string[] = []
    let installs = 0
    let inCalls = 0
    await arena.load({ msPerMessage: 1 })
    const senders = createSenders(arena)
    const stopLoad = senders.run(8)
    for (let round = 1; round <= rounds; round++) {
      if (round % 3 === 0) await arena.fault([{ method: '*', fault: 'expired-token' }])
      await senders.acknowledged(10 + Math.random() * 120)
      await arena.stop('SIGKILL')
      if (round % 3 === 1) await arena.killAtStart(Math.random() * 500)
      await arena.start()
      const status = await arena.status()
      faults.push(...weigh(status))
      inCalls += Number(/"event":"courier.recovered","messages":(\d+)/.exec(arena.relay().output())?.[1] ?? 0)
      if (ENDED_BY_INSTALL.has(status.portal.condition)) {
        await arena.install()
        installs++
      }
      // Otherwise all messages would soon be in quarantine, and no call could be interrupted.
      if (round % 2 === 0) await arena.pass(75_000)
    }
    await stopLoad()
    installs += await drain(arena, senders)
    const notes = [`${inCalls} messages were in a call`, ...installs > 0 ? [`${installs} installs after a lost token pair`] : []]
    return await judge(arena, senders, { scenario: 'kill -9 under load', rounds, faults, notes })
  } finally {
    await arena.close()
  }
}

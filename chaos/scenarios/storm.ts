import { setTimeout as sleep } from 'node:timers/promises'
import { faultTable, type FaultName } from '../../sandbox/faults.ts'
import { openArena, type Arena } from '../arena.ts'
import { createSenders, type Senders } from '../load.ts'
import { drain, judge, type Report } from '../verdict.ts'

/** In addition to the table's faults: refusals that park a line, park the portal, or are undocumented. */
const REFUSALS = [{ error: 'NOT_ACTIVE_LINE', status: 400 }, { error: 'insufficient_scope', status: 403 }, { error: 'OPERATION_TIME_LIMIT', status: 429 }, { error: 'SOMETHING_NEW', status: 418 }]

const STRUCK_WITHIN_MS = 60_000

/** Longer than a quarantine and a good part of a park's longest wait; shorter than the age at which a webhook in transit expires. */
const PASS_MS = 240_000

/** Twice as often as an edit may be suspected before it is called poison. */
const EVERYTHING_FAILS = 20

/** All faults of the sandbox, one after the other in random order, under load. No edit may be dead in the end, because none is at fault. */
export async function storm (rounds: number): Promise<Report> {
  const arena = await openArena()
  try {
    const senders = createSenders(arena)
    const stopLoad = senders.run(3, 60)
    const seen: string[] = []
    for (let round = 0; round < rounds; round++) {
      const faults = [...Object.keys(faultTable) as FaultName[], ...REFUSALS].map(fault => ({ fault, key: Math.random() })).sort((a, b) => a.key - b.key)
      for (const { fault } of faults) {
        const isSilent = typeof fault === 'string' && faultTable[fault].connection === 'silent'
        await arena.fault([{ method: 'imconnector.update.messages', fault, times: isSilent ? 1 : 1 + Math.floor(Math.random() * 3), afterMs: 30_000 }])
        await struck(arena, senders)
        // The relay would wait 65 s for the answer. Killing it leaves as much in doubt.
        if (isSilent) {
          await arena.stop('SIGKILL')
          await arena.start()
        }
        seen.push(typeof fault === 'string' ? fault : fault.error)
      }
      await arena.fault([{ method: '*', fault: '500', times: EVERYTHING_FAILS }])
      await struck(arena, senders)
      seen.push('500 for everything')
    }
    await stopLoad()
    await drain(arena, senders)
    return await judge(arena, senders, { scenario: 'storm of every fault', rounds, notes: [`${seen.length} faults of ${new Set(seen).size} kinds`] })
  } finally {
    await arena.close()
  }
}

/** Waits until all faults have happened. Skips parks and quarantines by moving the clocks. */
async function struck (arena: Arena, senders: Senders): Promise<void> {
  const deadline = performance.now() + STRUCK_WITHIN_MS
  let before = Infinity
  for (;;) {
    const left = await arena.faultsLeft()
    if (left === 0) return
    if (performance.now() > deadline) throw new Error(`a fault never happened: ${JSON.stringify(await arena.status())}`)
    if (left === before) {
      await arena.pass(PASS_MS)
      await senders.edit('waker')
    }
    before = left
    await sleep(100)
  }
}

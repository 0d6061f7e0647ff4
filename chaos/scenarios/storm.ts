import { setTimeout as sleep } from 'node:timers/promises'
import { faultTable, type FaultName } from '../../sandbox/faults.ts'
import { openArena, type Arena } from '../arena.ts'
import { createSenders, type Senders } from '../load.ts'
import { drain, judge, type Report } from '../verdict.ts'

/** Beside the faults of the table: refusals that park a line, that park the portal, and that nobody has heard of. */
const REFUSALS = [{ error: 'NOT_ACTIVE_LINE', status: 400 }, { error: 'insufficient_scope', status: 403 }, { error: 'OPERATION_TIME_LIMIT', status: 429 }, { error: 'SOMETHING_NEW', status: 418 }]

const STRUCK_WITHIN_MS = 60_000

/** Beyond a quarantine, and a good part of the longest wait of a park that its probe cannot see; less than the age at which a webhook on its way expires. */
const PASS_MS = 240_000

/** Twice as often as an edit may be suspected before it is called poison. */
const EVERYTHING_FAILS = 20

/** Every fault that the sandbox knows, one after the other in a random order, under load. Nothing may be dead in the end: nobody is to blame. */
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
        // The relay would wait 65 s for an answer that never comes; killing it leaves as much in doubt.
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

/** Until all have struck. Where nothing moves, parks and quarantines are passed over. */
async function struck (arena: Arena, senders: Senders): Promise<void> {
  const deadline = performance.now() + STRUCK_WITHIN_MS
  let before = Infinity
  for (;;) {
    const left = await arena.faultsLeft()
    if (left === 0) return
    if (performance.now() > deadline) throw new Error(`a fault never struck: ${JSON.stringify(await arena.status())}`)
    if (left === before) {
      await arena.pass(PASS_MS)
      await senders.edit('waker')
    }
    before = left
    await sleep(100)
  }
}

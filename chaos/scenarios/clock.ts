import { openArena, type Arena } from '../arena.ts'
import { createSenders, type Senders } from '../load.ts'
import { drain, judge, until, type Report } from '../verdict.ts'

const HOUR_MS = 3600_000

/** After a start no edit waits longer than 15 minutes, even if the clock was moved. The last step may take five more. */
const LONGEST_MS = 21 * 60_000

/** Sets the wall clock an hour forward and back while a message is in quarantine: of a running relay, and of one that is down. */
export async function clockJumps (rounds: number): Promise<Report> {
  const arena = await openArena()
  try {
    const faults: string[] = []
    const senders = createSenders(arena)
    for (let round = 1; round <= rounds; round++) {
      for (const byMs of [HOUR_MS, -HOUR_MS]) {
        for (const restarts of [false, true]) {
          const how = `${byMs > 0 ? 'forward' : 'back'}${restarts ? ' while it was down' : ''}`
          faults.push(...(await jump(arena, senders, byMs, restarts)).map(fault => `${fault} after a jump ${how}`))
        }
      }
    }
    return await judge(arena, senders, { scenario: 'clock ± 1 hour', rounds, faults })
  } finally {
    await arena.close()
  }
}

async function jump (arena: Arena, senders: Senders, byMs: number, restarts: boolean): Promise<string[]> {
  const faults: string[] = []
  const doubtful = arena.names[0] as string
  await arena.fault([{ method: 'imconnector.update.messages', fault: 'applied-late', afterMs: 30_000, match: { message: doubtful } }])
  await senders.edit(doubtful)
  if (!await until(async () => await arena.faultsLeft() === 0)) faults.push('the call was not made')
  await senders.edit(doubtful)
  const before = await arena.status()

  if (restarts) await arena.stop('SIGKILL')
  await arena.setWallClock(byMs)
  if (restarts) await arena.start()

  const others = arena.names.slice(1, 6)
  const delivered = before.ledger.delivered + others.length
  for (const name of others) await senders.edit(name)
  if (!await until(async () => (await arena.status()).ledger.delivered >= delivered)) faults.push('edits are not delivered')
  await arena.pass(20_000)
  await senders.edit('waker')
  if (!await until(async () => (await arena.status()).ledger.delivered > delivered)) faults.push('edits are not delivered')
  const shown = (await arena.messages()).find(({ message }) => message === doubtful)
  if (senders.mayEndWith(doubtful, Number(shown?.text.split('#')[1]))) faults.push('the quarantine ended early')
  // The portal applies the late call now, and the newer text after it.
  const startedAt = arena.now()
  await drain(arena, senders)
  const tookMs = arena.now() - startedAt
  if (tookMs > LONGEST_MS) faults.push(`the last edit took ${Math.round(tookMs / 60_000)} minutes`)
  return faults
}

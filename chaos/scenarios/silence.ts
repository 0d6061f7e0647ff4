import { openArena } from '../arena.ts'
import { createSenders } from '../load.ts'
import { drain, judge, until, type Report } from '../verdict.ts'

/** If an answer waited for the portal, it would take 65 s. */
const ANSWER_WITHIN_MS = 5000

/** The portal takes calls and never answers: webhooks are still acknowledged, health probes answered, and the relay can be stopped. */
export async function silentPortal (rounds: number): Promise<Report> {
  const arena = await openArena()
  try {
    const faults: string[] = []
    const senders = createSenders(arena)
    for (let round = 1; round <= rounds; round++) {
      await arena.fault([{ method: '*', fault: round % 2 === 0 ? 'applied-then-timeout' : 'timeout', times: 1_000_000 }])
      const stopLoad = senders.run(4)
      const silent = async (): Promise<number> => (await arena.calls()).filter(call => call.method === 'imconnector.update.messages' && call.status === null).length
      const before = await silent()
      await senders.acknowledged(20)
      if (!await until(async () => await silent() > before)) faults.push('no call was made')
      for (const path of ['/livez', '/readyz'] as const) {
        const { status, tookMs } = await arena.probe(path)
        if (status !== 200 || tookMs > ANSWER_WITHIN_MS) faults.push(`${path}: ${status} after ${tookMs} ms`)
      }
      if ((await senders.edit('waker')).status !== 202) faults.push('webhooks are not acknowledged')
      await stopLoad()
      // It waits 10 s for running calls. After 20 s it would exit with code 1.
      const code = await arena.stop('SIGTERM')
      if (code !== 0) faults.push(`SIGTERM: exit code ${code}`)
      await arena.fault([])
      await arena.start()
      await drain(arena, senders)
    }
    return await judge(arena, senders, { scenario: 'a portal that never answers', rounds, faults })
  } finally {
    await arena.close()
  }
}

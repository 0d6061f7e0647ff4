import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openArena } from '../arena.ts'
import { limitFiles, openDisk } from '../disk.ts'
import { createSenders } from '../load.ts'
import { drain, judge, until, weigh, type Report } from '../verdict.ts'

/** More than the 4 MB of the write-ahead log. */
const ROOM_MB = 64

/** The disk becomes full, is freed, allows no writes at all, and is full when the relay is killed. */
export async function disk (rounds: number): Promise<Report> {
  const room = await openDisk(await mkdtemp(join(tmpdir(), 'imconnector-relay-disk-')), ROOM_MB)
  const arena = await openArena({ databaseFolder: room.folder }).catch(async (error: unknown) => {
    await room.close()
    throw error
  })
  try {
    const faults: string[] = []
    const senders = createSenders(arena)
    const pid = (): number => arena.relay().child.pid ?? 0
    for (let round = 1; round <= rounds; round++) {
      const stopLoad = senders.run(4)
      await senders.acknowledged(20)
      await room.fill(pid())
      if (!await until(async () => (await senders.edit('waker')).status === 503)) faults.push('senders get no 503 on a full disk')
      if (!await until(async () => (await arena.probe('/readyz')).status === 503)) faults.push('/readyz says ready on a full disk')
      if ((await arena.probe('/livez')).status !== 200) faults.push('/livez fails on a full disk')
      if (round % 2 === 0) {
        await arena.stop('SIGKILL')
        await room.free(null)
        await arena.start()
      } else {
        await room.free(pid())
      }
      if (!await until(async () => (await senders.edit('waker')).status === 202)) faults.push('service does not resume when there is room')

      await limitFiles(pid(), 0)
      if (!await until(async () => (await senders.edit('waker')).status === 503)) faults.push('senders get no 503 when the disk cannot be written to')
      await limitFiles(pid(), 'unlimited')
      if (!await until(async () => (await senders.edit('waker')).status === 202)) faults.push('service does not resume when the disk can be written to')
      if (!await until(async () => (await arena.probe('/readyz')).status === 200)) faults.push('/readyz does not recover')
      await stopLoad()
      await drain(arena, senders)
      faults.push(...weigh(await arena.status()))
    }
    return await judge(arena, senders, { scenario: 'disk full, disk read-only', rounds, faults, notes: [room.kind] })
  } finally {
    await arena.close()
    await room.close()
  }
}

import t from 'tap'
import { limitFiles } from '../../chaos/disk.ts'
import { disk } from '../../chaos/scenarios/disk.ts'
import { holds } from './report.ts'

const cannotLimit = await limitFiles(process.pid, 'unlimited').then(() => false, (error: Error) => `it needs prlimit, which only Linux has: ${error.message}`)

t.test('a disk that is full, or takes no writes, turns webhooks away with 503, loses nothing, and service resumes', { skip: cannotLimit }, async t => {
  holds(t, await disk(2), 40)
})

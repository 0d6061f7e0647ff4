import t from 'tap'
import { limitedFiles, openDisk } from '../../chaos/disk.ts'
import { disk } from '../../chaos/scenarios/disk.ts'
import { holds } from './report.ts'

t.test('a disk that is full, or takes no writes, turns webhooks away with 503, loses nothing, and service resumes', async t => {
  holds(t, await disk(2, openDisk), 50)
})

t.test('the same where nothing may be mounted: files that cannot grow', async t => {
  holds(t, await disk(1, async folder => limitedFiles(folder)), 30)
})

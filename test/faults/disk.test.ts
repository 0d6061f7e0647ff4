import t from 'tap'
import { disk } from '../../chaos/scenarios/disk.ts'
import { holds } from './report.ts'

t.test('a disk that is full, or takes no writes, turns webhooks away with 503, loses nothing, and service resumes', async t => {
  holds(t, await disk(2), 40)
})

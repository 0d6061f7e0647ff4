import { StoreUnavailable } from '../../src/base/errors.ts'
import { EMPTY_RECORD, type PortalRecord, type Portals } from '../../src/outbox/portals.ts'

/** One portal's record in memory. `writes` are all patches in order; `failing` makes writes fail as a full disk does. */
export function createMemoryPortals (initial: Partial<PortalRecord> = {}) {
  let record: PortalRecord = { ...EMPTY_RECORD, ...initial }
  const writes: Partial<PortalRecord>[] = []
  const portals: Portals = {
    read: async () => record,
    async write (_portal, patch, { epoch = 0, tokensVersion = record.tokensVersion } = {}) {
      if (memory.failing) throw new StoreUnavailable('the disk is full')
      if (epoch !== 0 || tokensVersion !== record.tokensVersion) return false
      record = { ...record, ...patch, tokensVersion: record.tokensVersion + (patch.tokens === undefined ? 0 : 1) }
      writes.push(patch)
      return true
    },
  }
  const memory = { portals, writes, failing: false, record: () => record }
  return memory
}

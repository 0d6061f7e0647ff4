import type { CallOutcome } from '../../../src/outbox/outbox.ts'
import type { Store } from '../../../src/outbox/store.ts'
import { incoming, type EditOptions } from '../edits.ts'

const LANE = { connector: 'relay_demo', line: 1, channel: 'default' }
const BUCKET = { level: 3, at: 4000 }

/** Fills an empty store: with a message in each state in which one can be, and a row in each other table. */
export async function fill ({ portal, outbox, portals, profiles, activity, leases, probe }: Store): Promise<void> {
  const lease = await leases.acquire(portal, 'frozen')
  if (lease === null) throw new Error('the lease is held')
  const { epoch } = lease
  const take = async (options: EditOptions) => await outbox.accept([{ ...toPortal(portal, options) }])
  const claim = async (callId: string) => await outbox.claim({ portal, epoch, lane: LANE, callId, now: 2000, limit: 1, bucket: BUCKET })
  const end = async (callId: string, ending: object) => {
    const outcomes = (await claim(callId)).map(({ id, version }) => ({ id, version, ...ending }) as CallOutcome)
    await outbox.record({ portal, epoch, callId, outcomes, attempt: { at: 2000, durationMs: 120, code: 'ok', words: null }, now: 2500 })
  }
  const tokens = { accessToken: 'access', refreshToken: 'refresh', accessExpiresAt: 9000 }
  await portals.write(portal, { memberId: 'member', clientId: 'local.relay', applicationToken: 'application', address: 'https://example.bitrix24.ru', formerAddresses: ['https://former.bitrix24.ru'], tokens, eventKey: 'key', eventBinding: { publicUrl: 'https://relay.example.com', boundAt: 1500 }, lastEventAt: 2600 })
  await profiles.remember([{ portal, connector: 'relay_demo', profile: { id: 'u1', name: 'Anna', lastName: 'Petrova' }, revision: { at: 1, tie: 9007199254740993n }, now: 1000 }])

  await take({ message: 'delivered', at: 5, tie: 9007199254740993n, text: 'Delivered: ы, \u{1f4a7}' })
  await end('call-delivered', { result: 'delivered', flags: ['files-omitted'], portalUser: '585' })
  await take({ message: 'confirmed', at: 5, text: 'Confirmed' })
  await end('call-confirmed', { result: 'delivered', flags: [] })
  await outbox.confirm([{ key: toPortal(portal, { message: 'confirmed' }).key, text: 'Confirmed', receivedAt: 2600 }])
  await take({ message: 'dead', at: 5, text: 'Dead' })
  await end('call-dead', { result: 'dead', reason: 'rejected', words: 'no', quarantineUntil: null })
  await take({ message: 'quarantined', at: 5, text: 'Quarantined' })
  await end('call-lost', { result: 'retry', dueAt: 100_000, history: { attempts: 1, chunkLimit: 1, suspicions: 1, suspectedAt: 2500, unknownUserRepeats: 0, flags: [] }, quarantineUntil: 72_500 })
  await take({ message: 'called', at: 5, text: 'Called' })
  await claim('call-open')
  await take({ message: 'refused', at: 5, text: '', refusal: 'empty-text' })
  await take({ message: 'pending', at: 5, text: 'Pending' })
  await take({ message: 'pending', at: 5, text: 'Pending, and changed within one second' })
  await activity.add([{ channel: 'default', outcome: 'unreadable', hour: 0, count: 3, lastAt: 2000, detail: 'faulty: /data/chat' }])
  await probe()
}

/** An edit of the store's own portal. */
export function toPortal (portal: string, options: EditOptions) {
  const edit = incoming(options)
  return { ...edit, key: { ...edit.key, portal } }
}

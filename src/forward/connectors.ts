import { hash } from 'node:crypto'
import type { Channel } from '../config/config.ts'
import type { Front } from './forward.ts'
import { createUpstream } from './connector.ts'

/** The connectors of those channels that stand in front of one, each with connections of its own: a slow one keeps no other waiting. */
export function createFronts (channels: Iterable<Channel>, now: () => number) {
  const upstreams = [...channels].flatMap(channel => {
    if (channel.upstream === null) return []
    const upstream = createUpstream({ config: channel.upstream, pseudonym: pseudonymOf(channel), now })
    return [{ id: channel.id, upstream, edits: channel.upstream.edits, handshakes: channel.upstream.handshakes }]
  })
  return {
    fronts: new Map<string, Front>(upstreams.map(({ id, ...front }) => [id, front])),
    stop: async (graceMs: number): Promise<void> => { await Promise.all(upstreams.map(({ upstream }) => upstream.stop(graceMs))) },
  }
}

/** The same for every replica, so that a loop ends at whichever it comes to; another for each channel, so that one may stand in front of another. */
function pseudonymOf ({ id, secrets }: Channel): string {
  return `imconnector-relay-${hash('sha256', JSON.stringify([id, secrets]), 'base64url').slice(0, 12)}`
}

import type { Channel } from '../config/channels.ts'
import type { Log } from '../base/log.ts'
import type { ProfileLookup } from '../messengers/profile-lookup.ts'
import { messengers } from '../messengers/registry.ts'

/** How to look up a channel's clients, and which of their fields the portal gets. */
export interface NameSource {
  readonly lookUp: ProfileLookup
  readonly channel: Pick<Channel, 'userFields' | 'cleanNames'>
}

/** The sources by the channels' ids. If only the API's token is missing, the log says what to set. */
export function createNameSources (channels: ReadonlyMap<string, Channel>, log: Pick<Log, 'warn'>): ReadonlyMap<string, NameSource> {
  const sources = new Map<string, NameSource>()
  for (const [id, channel] of channels) {
    const lookUp = messengers[channel.messenger].profiles?.(channel)
    if (lookUp) sources.set(id, { lookUp, channel })
    if (lookUp === null && !channel.allowAnonymous) {
      const remedy = 'its edits may have no name: set apiToken in CHANNELS_FILE, or edits of clients who are not known yet are refused as anonymous-user'
      log.warn({ event: 'channel.nameless', channel: id, messenger: channel.messenger, remedy }, 'channel.nameless')
    }
  }
  return sources
}

import type { Channel } from '../config/channels.ts'
import type { Log } from '../base/log.ts'
import type { ProfileLookup } from '../messengers/profile-lookup.ts'
import { messengers } from '../messengers/registry.ts'

/** How the clients of a channel are asked for, and what of them the portal is shown. */
export interface NameSource {
  readonly lookUp: ProfileLookup
  readonly channel: Pick<Channel, 'userFields' | 'cleanNames'>
}

/** By the channel's id, whoever can be asked. Where only the token for it is missing, the log says what that costs. */
export function createNameSources (channels: ReadonlyMap<string, Channel>, log: Pick<Log, 'warn'>): ReadonlyMap<string, NameSource> {
  const sources = new Map<string, NameSource>()
  for (const [id, channel] of channels) {
    const lookUp = messengers[channel.messenger].profiles?.(channel)
    if (lookUp) sources.set(id, { lookUp, channel })
    if (lookUp === null && !channel.allowAnonymous) {
      const remedy = 'its edits may come without a name: set apiToken in CHANNELS_FILE, or those of clients who are not known yet are refused as anonymous-user'
      log.warn({ event: 'channel.nameless', channel: id, messenger: channel.messenger, remedy }, 'channel.nameless')
    }
  }
  return sources
}

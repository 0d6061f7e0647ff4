import type { Channel } from '../src/config/channels.ts'
import { readSecret } from '../src/signatures/standard-webhooks.ts'

export const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

/** The key of SECRET. */
export const KEY = readSecret(SECRET) ?? Buffer.alloc(0)

/** A channel as the configuration makes it, with what a test wants otherwise. */
export function channel (changes: Partial<Channel> = {}): Channel {
  return {
    id: 'default',
    messenger: 'generic',
    secrets: [SECRET],
    connector: 'relay_demo',
    line: 1,
    own: { connector: false, line: false },
    ids: { user: '{user}', chat: '{chat}', message: '{message}' },
    files: 'send',
    userFields: ['last_name', 'name', 'picture', 'url', 'gender', 'email', 'phone'],
    cleanNames: false,
    allowAnonymous: false,
    settleMs: 0,
    upstream: null,
    settings: {},
    ...changes,
  }
}

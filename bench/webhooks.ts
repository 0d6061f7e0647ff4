import { readSecret, signStandardWebhook } from '../src/signatures/standard-webhooks.ts'
import { postRequest } from './load.ts'

export const SECRET = 'whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g='

/** Signed webhooks, each with an edit of another message: a new row for each is the store's most expensive case. */
export function prepareWebhooks (count: number, first = 0): Buffer[] {
  const key = readSecret(SECRET)
  if (key === null) throw new Error('the secret of the bench is invalid')
  const now = Date.now()
  return Array.from({ length: count }, (_, index) => {
    const body = webhookBody(`bench-${first + index}`, now)
    return postRequest('/webhooks/default', signStandardWebhook(key, body, now, `msg_${first + index}`), body)
  })
}

export function webhookBody (message: string, now: number, number = 0): string {
  return JSON.stringify({
    type: 'message.edited',
    timestamp: new Date(now).toISOString(),
    data: {
      user: { id: '42', name: 'Ivan', last_name: 'Petrov', url: 'https://messenger.example/users/42' },
      message: { id: message, date: Math.floor(now / 1000) - 3600, edited_at: Math.floor(now / 1000), revision: number, text: 'Good afternoon, the delivery is wanted on Thursday, not on Friday' + (number === 0 ? '' : ` (${number})`) },
      chat: { id: 'channel-123', name: 'Support' },
    },
  })
}

/** The environment of a relay with an unreachable portal: it only acknowledges and stores. */
export function unreachablePortalEnv (databasePath: string): Record<string, string> {
  return {
    BITRIX24_PORTAL_URL: 'http://127.0.0.1:9',
    BITRIX24_CONNECTOR: 'relay_demo',
    BITRIX24_LINE: '1',
    WEBHOOK_SECRET: SECRET,
    WEBHOOK_RATE_LIMIT: '1000000',
    SETTLE_MS: '600000',
    DATABASE_URL: `file:${databasePath}`,
  }
}

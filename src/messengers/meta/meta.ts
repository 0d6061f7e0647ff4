import { z } from 'zod'
import { parseBody } from '../../base/json.ts'
import { Unauthenticated } from '../../base/errors.ts'
import { isSameSecret } from '../../base/secret.ts'
import { type HmacScheme, createVerifier } from '../../signatures/verify.ts'
import { API_KEYS } from '../profile-lookup.ts'
import { readEach, readFields } from '../fields.ts'
import { createAccount, type Account } from './account.ts'
import { createGraphLookUp } from './people.ts'
import { readMessaging } from './messenger.ts'
import { readChanges } from './whatsapp.ts'
import { defineMessenger, type WebhookContent, type WebhookReply, type WebhookRequest } from '../messenger.ts'

/** Over the raw body: Meta escapes all non-ASCII characters, so the same JSON serialised again would be another body. */
const SCHEME: HmacScheme = { kind: 'hmac', header: 'x-hub-signature-256', prefix: 'sha256=', algorithm: 'sha256', encoding: 'hex', content: '{body}' }

const notification = z.object({ object: z.string(), entry: z.array(z.unknown()) })

const ACCOUNT_REMEDY = 'must be a list of Page ids, phone number ids or WhatsApp Business Account ids'

/** https://developers.facebook.com/docs/graph-api/webhooks/getting-started: the webhook of one app, for Messenger and the WhatsApp Cloud API. */
export const meta = defineMessenger({
  secret: {
    isGood: secret => /^[0-9a-f]{32}$/i.test(secret),
    remedy: 'must be the app secret, 32 hexadecimal digits, from App settings, Basic',
  },
  keys: {
    verifyToken: z.string().regex(/^[\x21-\x7e]{16,256}$/, 'must have 16 to 256 visible ASCII characters and equal the verify token in the app\'s dashboard; "openssl rand -hex 16" makes one').describe('what Meta sends when it asks whether the address is ours'),
    accounts: z.array(z.string(ACCOUNT_REMEDY).regex(/^\d{1,40}$/, ACCOUNT_REMEDY), ACCOUNT_REMEDY).min(1, ACCOUNT_REMEDY).optional().describe('the accounts that this channel serves; all if absent'),
    ...API_KEYS,
  },
  create: ({ secrets, settings }) => {
    const account = createAccount(settings)
    return {
      greet: request => greet(request, settings.verifyToken),
      verify: createVerifier([SCHEME], secrets),
      parse: (request, nowMs) => readNotification(parseBody(request.body), account, nowMs),
      // Meta repeats a failed webhook for days, with all events in its body.
      unreadable: 'acknowledge',
      reply: () => ({ status: 200, body: '' }),
    }
  },
  profiles: ({ secrets, settings }) => settings.apiToken === undefined ? null : createGraphLookUp(settings.apiToken, secrets[0] ?? '', settings.apiUrl),
})

/** Answers Meta's question whether the address is ours by returning the challenge, if it looks like one of Meta's. */
function greet ({ method, query }: WebhookRequest, verifyToken: string): WebhookReply | null {
  if (method !== 'GET') return null
  const asked = new URLSearchParams(query)
  const challenge = asked.get('hub.challenge') ?? ''
  if (asked.get('hub.mode') !== 'subscribe' || !/^[\w.-]{1,256}$/.test(challenge)) return null
  if (!isSameSecret(verifyToken, asked.get('hub.verify_token') ?? '')) throw new Unauthenticated('hub.verify_token is not the verifyToken of this channel')
  return { status: 200, body: challenge }
}

function readNotification (body: unknown, account: Account, nowMs: number): WebhookContent {
  const { object, entry } = readFields(notification, body)
  if (object === 'whatsapp_business_account') return readEach(entry, item => readChanges(item, account, nowMs))
  if (object === 'page' || object === 'instagram') return readEach(entry, item => readMessaging(item, object, account, nowMs))
  return { edits: [], ignored: [{}], clients: [] }
}

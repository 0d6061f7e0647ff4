import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import type { HmacScheme } from './verify.ts'

const PREFIX = 'whsec_'

const scheme = {
  kind: 'hmac',
  header: 'webhook-signature',
  prefix: 'v1,',
  algorithm: 'sha256',
  encoding: 'base64',
  content: '{id}.{timestamp}.{body}',
  idHeader: 'webhook-id',
  timestampHeader: 'webhook-timestamp',
  toleranceS: 5 * 60,
} as const satisfies HmacScheme

/** https://www.standardwebhooks.com, and the same scheme with Svix's header names. */
export const STANDARD_WEBHOOKS: readonly HmacScheme[] = [
  scheme,
  { ...scheme, header: 'svix-signature', idHeader: 'svix-id', timestampHeader: 'svix-timestamp' },
]

/** The key in `whsec_…` (the prefix may be missing), or null unless it is base64 of 24 to 64 bytes. */
export function readSecret (secret: string): Buffer | null {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null
  const key = Buffer.from(text, 'base64')
  return key.length >= 24 && key.length <= 64 ? key : null
}

export function generateSecret (): string {
  return PREFIX + randomBytes(32).toString('base64')
}

/** The headers for a signed `body`. */
export function signStandardWebhook (key: Buffer, body: string | Buffer, nowMs: number, id = `msg_${randomUUID()}`): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000))
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
  return { [scheme.idHeader]: id, [scheme.timestampHeader]: timestamp, [scheme.header]: scheme.prefix + signature }
}

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { PortalPatch, Portals, PortalTokens } from './portals.ts'

const PREFIX = 'sealed:1:'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Encrypts the portals' secrets at rest (AES-256-GCM, bound to the portal's id). Secrets that were stored before the key was set are read as
 * they are and encrypted at their next write. Reading encrypted secrets without the key, or with another key, rejects.
 */
export function sealPortals (portals: Portals, key: Buffer | null): Portals {
  return {
    async read (portal) {
      const record = await portals.read(portal)
      return {
        ...record,
        tokens: openTokens(record.tokens, portal, key),
        beforeImport: record.beforeImport && { ...record.beforeImport, tokens: openTokens(record.beforeImport.tokens, portal, key) },
        applicationToken: openSecret(record.applicationToken, portal, key),
        eventKey: openSecret(record.eventKey, portal, key),
      }
    },
    async write (portal, patch, condition) {
      if (key === null) return await portals.write(portal, patch, condition)
      const sealed: { -readonly [Name in keyof PortalPatch]: PortalPatch[Name] } = { ...patch }
      if (patch.tokens) sealed.tokens = sealTokens(patch.tokens, portal, key)
      if (patch.beforeImport?.tokens) sealed.beforeImport = { ...patch.beforeImport, tokens: sealTokens(patch.beforeImport.tokens, portal, key) }
      if (patch.applicationToken) sealed.applicationToken = sealSecret(patch.applicationToken, portal, key)
      if (patch.eventKey) sealed.eventKey = sealSecret(patch.eventKey, portal, key)
      return await portals.write(portal, sealed, condition)
    },
  }
}

function sealTokens ({ accessToken, refreshToken, accessExpiresAt }: PortalTokens, portal: string, key: Buffer): PortalTokens {
  return { accessToken: sealSecret(accessToken, portal, key), refreshToken: sealSecret(refreshToken, portal, key), accessExpiresAt }
}

function openTokens (tokens: PortalTokens | null, portal: string, key: Buffer | null): PortalTokens | null {
  if (tokens === null) return null
  return {
    accessToken: openSecret(tokens.accessToken, portal, key) as string,
    refreshToken: openSecret(tokens.refreshToken, portal, key) as string,
    accessExpiresAt: tokens.accessExpiresAt,
  }
}

function sealSecret (secret: string, portal: string, key: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(portal))
  const sealed = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return PREFIX + sealed.toString('base64')
}

function openSecret (stored: string | null, portal: string, key: Buffer | null): string | null {
  if (stored === null || !stored.startsWith(PREFIX)) return stored
  if (key === null) throw new Error('the portal\'s tokens are encrypted: set ENCRYPTION_KEY to the key with which they were stored')
  const sealed = Buffer.from(stored.slice(PREFIX.length), 'base64')
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(portal))
    .setAuthTag(sealed.subarray(-TAG_BYTES))
  try {
    return decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
  } catch (cause) {
    throw new Error('the portal\'s tokens cannot be decrypted: ENCRYPTION_KEY is not the key with which they were stored: set that key, or install the application again', { cause })
  }
}

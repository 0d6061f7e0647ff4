import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'

/** The administrator acts; the viewer reads. */
export type ConsoleRole = 'admin' | 'viewer'

export interface Session {
  /** Random; names the session in the log. */
  readonly id: string
  readonly role: ConsoleRole
  readonly endsAt: number
}

interface SessionOptions {
  readonly adminToken: string
  readonly viewerToken: string | null
  /** Milliseconds of the outbox's clock. */
  readonly now: () => number
}

export const SESSION_MS = 12 * 3600_000

/**
 * Sessions are signed and not stored, so every replica knows them. Their keys are derived from the tokens: all sessions end when ADMIN_TOKEN changes, and
 * those of viewers also when VIEWER_TOKEN does.
 */
export function createSessions ({ adminToken, viewerToken, now }: SessionOptions) {
  const key = (info: string): Buffer => Buffer.from(hkdfSync('sha256', adminToken, '', info, 32))
  const keys = {
    admin: key('imconnector-relay console admin'),
    viewer: viewerToken === null ? null : key(`imconnector-relay console viewer ${viewerToken}`),
  }

  function sign (role: ConsoleRole, payload: string): Buffer | null {
    const key = keys[role]
    return key === null ? null : createHmac('sha256', key).update(payload).digest()
  }

  return {
    open (role: ConsoleRole): { readonly session: Session, readonly value: string } {
      const session = { id: randomBytes(9).toString('base64url'), role, endsAt: now() + SESSION_MS }
      const payload = `${role}.${session.endsAt}.${session.id}`
      return { session, value: `${payload}.${sign(role, payload)?.toString('base64url')}` }
    },

    /** The session of a cookie's value, or null if it is forged or over. */
    read (value: string): Session | null {
      const [, payload = '', role = '', endsAt = '', id = '', mac = ''] = /^((admin|viewer)\.(\d{1,15})\.([\w-]{12}))\.([\w-]{43})$/.exec(value) ?? []
      if (role !== 'admin' && role !== 'viewer') return null
      const expected = sign(role, payload)
      const given = Buffer.from(mac, 'base64url')
      if (expected === null || given.length !== expected.length || !timingSafeEqual(given, expected)) return null
      // A relay whose clock was wrong may have signed an end that is years away.
      const leftMs = Number(endsAt) - now()
      return leftMs > 0 && leftMs <= 2 * SESSION_MS ? { id, role, endsAt: Number(endsAt) } : null
    },
  }
}

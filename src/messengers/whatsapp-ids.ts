import { z } from 'zod'

/*
 * WhatsApp's own ids, a number and a kind, such as 79991112233@c.us (an account), 120363042@g.us (a group) or 98765@lid (an account with a
 * hidden number).
 */

const SUFFIX = /@[a-z.]{1,30}$/

const ACCOUNT = /^(\d{5,15})@(?:c\.us|s\.whatsapp\.net)$/

/** A channel's key: whether the original connector kept the kind at the end of user and chat ids. */
export const idSuffix = z.enum(['keep', 'strip'], 'must be keep or strip').default('keep').describe('strip removes @c.us, @g.us and the like from the ids of users and chats')

export function writeId (id: string, suffix: z.output<typeof idSuffix>): string {
  return suffix === 'strip' ? id.replace(SUFFIX, '') : id
}

/** The phone number in an id, in international form, or undefined. */
export function phoneOf (id: string): string | undefined {
  const number = ACCOUNT.exec(id)?.[1]
  return number === undefined ? undefined : `+${number}`
}

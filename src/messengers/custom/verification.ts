import { z } from 'zod'
import { BEARER, type Scheme, createVerifier, type Verify } from '../../signatures/verify.ts'
import { readSecret, STANDARD_WEBHOOKS } from '../../signatures/standard-webhooks.ts'

/** A JSON Pointer (RFC 6901) as the keys that lead to the value. */
export const pointer = z.string('must be a JSON Pointer such as /token').max(500).regex(/^(\/([^~/]|~[01])*)+$/, 'must be a JSON Pointer such as /token')
  .transform(text => text.slice(1).split('/').map(key => key.replaceAll('~1', '/').replaceAll('~0', '~')))

const header = z.string('must name a header').regex(/^[!#$%&'*+.^_`|~\w-]{1,100}$/, 'must name a header').transform(name => name.toLowerCase())

const prefix = z.string('must be a text').max(100).default('')

const hmac = z.strictObject({
  kind: z.literal('hmac'),
  header,
  prefix,
  algorithm: z.enum(['sha256', 'sha512', 'sha1'], 'must be sha256, sha512 or sha1').default('sha256'),
  encoding: z.enum(['hex', 'base64'], 'must be hex or base64').default('hex'),
  content: z.string('must be a text').max(200).default('{body}'),
  idHeader: header.optional(),
  timestampHeader: header.optional(),
  toleranceS: z.int().min(1).max(86_400, 'must be at most 86400 seconds').default(300),
}).superRefine(({ content, idHeader, timestampHeader }, context) => {
  const fault = (message: string): void => { context.addIssue({ code: 'custom', path: ['content'], message }) }
  const placeholders: string[] = content.match(/\{\w*\}/g) ?? []
  const has = (name: string): boolean => placeholders.includes(name)
  if (!content.endsWith('{body}')) fault('must end with {body}')
  if (new Set(placeholders).size < placeholders.length || placeholders.some(name => !['{id}', '{timestamp}', '{body}'].includes(name))) fault('must hold {body}, {timestamp} and {id} at most once each, and nothing else in braces')
  if (has('{timestamp}') !== (timestampHeader !== undefined)) fault('must hold {timestamp} if there is a timestampHeader, and only then: a time that is not signed proves nothing')
  if (has('{id}') !== (idHeader !== undefined)) fault('must hold {id} if there is an idHeader, and only then')
  if (/\{id\}(\{|\w)/.test(content)) fault('must have a sign such as . or : after {id}, so that the id cannot run into what follows')
})

/** How the sender authenticates: the schemes of src/signatures, as a channel's configuration writes them. */
export const verificationSchema = z.discriminatedUnion('kind', [
  hmac,
  z.strictObject({ kind: z.literal('bearer') }),
  z.strictObject({ kind: z.literal('header'), header, prefix }),
  z.strictObject({ kind: z.literal('field'), field: pointer.refine(path => !path.some(key => /^\d+$/.test(key)), 'must lead through objects, not through a list') }),
  z.strictObject({ kind: z.literal('standard-webhooks') }),
], 'must have the kind hmac, bearer, header, field or standard-webhooks')

type Verification = z.output<typeof verificationSchema>

/** A secret that begins with whsec_ must be one of Standard Webhooks; any other is used unchanged. */
export const SECRET_RULE = {
  isGood: (secret: string) => secret.startsWith('whsec_') ? readSecret(secret) !== null : secret.length >= 16 && secret.length <= 1000 && /^\S+$/.test(secret),
  remedy: 'must have 16 to 1000 characters without blanks; one that begins with whsec_ goes on with base64 of 24 to 64 bytes. "openssl rand -hex 32" makes one',
}

export function createVerification (verification: Verification, secrets: readonly string[]): Verify {
  if (verification.kind !== 'standard-webhooks') return createVerifier([toScheme(verification)], secrets)
  return createVerifier(STANDARD_WEBHOOKS, secrets.map(secret => readSecret(secret) ?? secret))
}

function toScheme (verification: Exclude<Verification, { kind: 'standard-webhooks' }>): Scheme {
  if (verification.kind === 'bearer') return BEARER
  if (verification.kind === 'field') return { kind: 'field', path: verification.field }
  return verification
}

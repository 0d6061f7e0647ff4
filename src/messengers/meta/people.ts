import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { optionalText, optionalUrl } from '../fields.ts'
import type { LookUpAnswer, ProfileLookup } from '../profile-lookup.ts'

const VERSION = 'v25.0'

const profile = z.object({ first_name: optionalText(1000), last_name: optionalText(1000), profile_pic: optionalUrl })

const failure = z.object({ error: z.object({ code: z.int(), error_subcode: z.int().optional().catch(undefined) }) })

/**
 * Subcodes of 100 about one person: no profile, a profile that the app may not see, or no such person. An app without Business Asset User
 * Profile Access gets them for everybody.
 */
const NOT_FOUND: ReadonlySet<number> = new Set([33, 2018218, 2018247])

/** Codes that only the channel's owner can fix: the token (102, 190), its rights (3, 10, 200 to 299), a parameter such as a wrong proof (100). */
function isRefusal (code: number): boolean {
  return [3, 10, 100, 102, 190].includes(code) || (code >= 200 && code <= 299)
}

/**
 * https://developers.facebook.com/docs/messenger-platform/identity/user-profile, one person per request. Some apps require the proof
 * (https://developers.facebook.com/docs/graph-api/guides/secure-requests): an HMAC of the token by the app secret, useless without the token.
 */
export function createGraphLookUp (token: string, appSecret: string, apiUrl = 'https://graph.facebook.com'): ProfileLookup {
  const proof = createHmac('sha256', appSecret).update(token).digest('hex')
  return {
    batchSize: 1,
    intervalMs: 100,
    request: ([id = '']) => ({
      url: new URL(`/${VERSION}/${encodeURIComponent(id)}?${new URLSearchParams({ fields: 'first_name,last_name,profile_pic', appsecret_proof: proof })}`, apiUrl),
      headers: { authorization: `Bearer ${token}` },
    }),
    read: readAnswer,
  }
}

function readAnswer (ids: readonly string[], status: number, body: unknown): LookUpAnswer {
  const failed = failure.safeParse(body)
  if (failed.success) {
    const { code, error_subcode: subcode } = failed.data.error
    const name = `GRAPH_${code}${subcode === undefined ? '' : `_${subcode}`}`
    if (code === 100 && subcode !== undefined && NOT_FOUND.has(subcode)) return { kind: 'answered', code: name, profiles: new Map() }
    return { kind: isRefusal(code) ? 'refused' : 'unavailable', code: name }
  }
  const read = profile.safeParse(body)
  if (status !== 200 || !read.success) return { kind: 'unavailable', code: status === 200 ? 'UNREADABLE' : `HTTP_${status}` }
  const { first_name: name, last_name: lastName, profile_pic: pictureUrl } = read.data
  return { kind: 'answered', code: 'ok', profiles: new Map(ids.map(id => [id, { id, name, lastName, pictureUrl }])) }
}

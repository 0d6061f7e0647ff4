import { z } from 'zod'
import type { ClientProfile } from '../../edit/edit.ts'
import { exactInteger, optionalText, optionalUrl } from '../fields.ts'
import type { LookUpAnswer, ProfileLookup } from '../profile-lookup.ts'

const VERSION = '5.199'

const GENDERS: Readonly<Record<number, string>> = { 1: 'female', 2: 'male' }

const user = z.object({
  id: exactInteger,
  first_name: optionalText(1000),
  last_name: optionalText(1000),
  sex: z.int().optional().catch(undefined),
  has_photo: z.int().optional().catch(undefined),
  photo_200: optionalUrl,
  deactivated: z.string().optional().catch(undefined),
})

type User = z.output<typeof user>

const answer = z.object({
  response: z.array(user.nullable().catch(null)).optional(),
  error: z.object({ error_code: z.int() }).optional(),
})

/**
 * Codes of https://dev.vk.com/reference/errors that only the channel's owner can fix: the application is off, the token is wrong or its
 * rights are too small. All others are temporary: too many requests (6, 9, 29), faults of VK (1, 10).
 */
const REFUSALS: ReadonlySet<number> = new Set([2, 3, 4, 5, 7, 8, 15, 17, 20, 21, 23, 24, 25, 27, 28, 34, 100, 101])

/** None of the users exists. If some exist, VK omits the others. */
const INVALID_USERS = 113

/** https://dev.vk.com/method/users.get, up to 1000 users. A community's token may make 20 requests a second; the bot needs most of them. */
export function createVkLookUp (token: string, apiUrl = 'https://api.vk.com'): ProfileLookup {
  return {
    batchSize: 100,
    intervalMs: 350,
    request: ids => ({
      url: new URL('/method/users.get', apiUrl),
      headers: {},
      form: new URLSearchParams({ user_ids: ids.join(','), fields: 'sex,has_photo,photo_200', v: VERSION, access_token: token }),
    }),
    read: (_ids, status, body) => readAnswer(status, body),
  }
}

function readAnswer (status: number, body: unknown): LookUpAnswer {
  const { success, data } = answer.safeParse(body)
  const code = success ? data.error?.error_code : undefined
  if (code === INVALID_USERS) return { kind: 'answered', code: `VK_${code}`, profiles: new Map() }
  if (code !== undefined) return { kind: REFUSALS.has(code) ? 'refused' : 'unavailable', code: `VK_${code}` }
  if (!success || data.response === undefined || status !== 200) return { kind: 'unavailable', code: status === 200 ? 'UNREADABLE' : `HTTP_${status}` }
  // VK names deleted users DELETED: no client should get that name.
  const users = data.response.filter((found): found is User => found !== null && found.deactivated !== 'deleted')
  return { kind: 'answered', code: 'ok', profiles: new Map(users.map(found => [String(found.id), toProfile(found)])) }
}

function toProfile ({ id, sex, ...names }: User): ClientProfile {
  return {
    id: String(id),
    name: names.first_name,
    lastName: names.last_name,
    pictureUrl: names.has_photo === 0 ? undefined : names.photo_200,
    url: `https://vk.com/id${id}`,
    gender: sex === undefined ? undefined : GENDERS[sex],
  }
}

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
 * Codes of https://dev.vk.com/reference/errors that only the channel's owner can mend: the application is off, the token is wrong, its
 * rights do not reach. All others pass: too many requests (6, 9, 29), VK's own faults (1, 10).
 */
const REFUSALS: ReadonlySet<number> = new Set([2, 3, 4, 5, 7, 8, 15, 17, 20, 21, 23, 24, 25, 27, 28, 34, 100, 101])

/** No such users at all; with one who exists, those who do not are left out. */
const INVALID_USERS = 113

/** https://dev.vk.com/method/users.get, up to 1000 users; a community's token may ask 20 times a second, of which the bot wants most. */
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
  // Whoever deleted himself is called DELETED: nobody is to be renamed to that.
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

import { z } from 'zod'
import { BadRequest } from '../base/errors.ts'

/** The data of an installation. `source` decides how to answer it. */
export interface InstallForm {
  readonly kind: 'install'
  readonly source: 'event' | 'page'
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresInS: number | null
  readonly memberId: string
  readonly applicationToken: string | null
  /** The portal's host. */
  readonly domain: string
  readonly serverEndpoint: string | null
}

/** Any other event that Bitrix24 sends to the install URL. */
export interface EventForm {
  readonly kind: 'event'
  readonly event: string
  readonly applicationToken: string
}

const text = z.string().min(1).max(2000)
const seconds = z.coerce.number().int().positive().optional().catch(undefined)

const installEventSchema = z.object({
  auth: z.object({
    access_token: text,
    refresh_token: text,
    expires_in: seconds,
    domain: text,
    member_id: text,
    application_token: text.optional(),
    server_endpoint: text.optional(),
  }),
})

const eventSchema = z.object({ auth: z.object({ application_token: text }) })

const pageSchema = z.object({
  AUTH_ID: text,
  REFRESH_ID: text,
  AUTH_EXPIRES: seconds,
  member_id: text,
  APPLICATION_TOKEN: text.optional(),
  SERVER_ENDPOINT: text.optional(),
})

const querySchema = z.object({ DOMAIN: text })

/**
 * Reads Bitrix24's POST to the install URL: an event (the brackets of its form are already objects), or the form that opens the page of an
 * application with a user interface, which has its portal in the query. Throws BadRequest, which names fields and no values.
 */
export function readInstallForm (body: unknown, query: unknown): InstallForm | EventForm {
  const event = z.object({ event: text }).safeParse(body)
  if (event.success && event.data.event.toUpperCase() === 'ONAPPINSTALL') return readInstallEvent(body)
  if (event.success) {
    const { auth } = parse(eventSchema, body)
    return { kind: 'event', event: event.data.event.toUpperCase(), applicationToken: auth.application_token }
  }
  return readPage(body, query)
}

function readInstallEvent (body: unknown): InstallForm {
  const { auth } = parse(installEventSchema, body)
  return {
    kind: 'install',
    source: 'event',
    accessToken: auth.access_token,
    refreshToken: auth.refresh_token,
    expiresInS: auth.expires_in ?? null,
    memberId: auth.member_id,
    applicationToken: auth.application_token ?? null,
    domain: auth.domain,
    serverEndpoint: auth.server_endpoint ?? null,
  }
}

function readPage (body: unknown, query: unknown): InstallForm {
  const page = parse(pageSchema, body)
  return {
    kind: 'install',
    source: 'page',
    accessToken: page.AUTH_ID,
    refreshToken: page.REFRESH_ID,
    expiresInS: page.AUTH_EXPIRES ?? null,
    memberId: page.member_id,
    applicationToken: page.APPLICATION_TOKEN ?? null,
    domain: parse(querySchema, query).DOMAIN,
    serverEndpoint: page.SERVER_ENDPOINT ?? null,
  }
}

function parse<T> (schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(issue => ({ pointer: `/${issue.path.join('/')}`, detail: issue.message }))
  throw new BadRequest('this is not what Bitrix24 sends to the install URL of an application', faults)
}

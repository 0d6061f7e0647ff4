import { parse } from 'qs'
import { z } from 'zod'

/** The portal's event that it found a message whose edit an application or an operator has made. */
export const MESSAGE_UPDATE = 'OnOpenLineMessageUpdate'

/**
 * One event of the portal. `edit`: a client's edit was found; ids are the connector's. `operator`: an operator's edit. `other`: another event.
 * `unknown`: the form is new to us; `fields` are the paths of its fields, without their values.
 */
export type PortalEvent = { readonly applicationToken: string | null, readonly memberId: string | null } & (
  | { readonly kind: 'edit', readonly connector: string, readonly line: number, readonly chat: string, readonly message: string, readonly text: string }
  | { readonly kind: 'operator' | 'other' }
  | { readonly kind: 'unknown', readonly fields: readonly string[] }
)

/** More fields than the longest event has; the size of the body is limited too. */
const MAX_FIELDS = 10_000

const MAX_NAMED_FIELDS = 40

const text = z.string().max(2000)
const authSchema = z.object({ auth: z.object({ application_token: text.optional().catch(undefined), member_id: text.optional().catch(undefined) }).optional().catch(undefined) })
const eventSchema = z.object({ event: z.string() })

/** An operator's edit names the connector beside `DATA`. */
const operatorSchema = z.object({ data: z.object({ CONNECTOR: z.string() }) })

const editSchema = z.object({
  data: z.object({
    DATA: z.object({
      connector: z.object({ connector_id: text.min(1), line_id: z.string().regex(/^\d{1,9}$/), chat_id: text.min(1) }),
      message: z.object({ id: text.min(1), text: z.string().optional().catch(undefined) }),
    }),
  }),
})

/**
 * Reads the form of an event, which has PHP's brackets (https://apidocs.bitrix24.com/api-reference/events/index.html). The shape of a client's edit is
 * that of the portal's source: `data` holds `DATA` with `connector`, `chat` and `message`.
 */
export function readEvent (body: Buffer): PortalEvent {
  const form = parse(body.toString('utf8'), { depth: 8, parameterLimit: MAX_FIELDS, arrayLimit: 100 })
  const { auth } = authSchema.safeParse(form).data ?? {}
  const sender = { applicationToken: auth?.application_token ?? null, memberId: auth?.member_id ?? null }
  const { success, data: named } = eventSchema.safeParse(form)
  if (success && named.event.toLowerCase() !== MESSAGE_UPDATE.toLowerCase()) return { kind: 'other', ...sender }
  if (success && operatorSchema.safeParse(form).success) return { kind: 'operator', ...sender }
  const edit = success ? editSchema.safeParse(form).data : undefined
  if (edit !== undefined) {
    const { connector, message } = edit.data.DATA
    return { kind: 'edit', connector: connector.connector_id.toLowerCase(), line: Number(connector.line_id), chat: connector.chat_id, message: message.id, text: message.text ?? '', ...sender }
  }
  return { kind: 'unknown', fields: namesOf(form).slice(0, MAX_NAMED_FIELDS), ...sender }
}

/** The paths of all fields. Names come from the portal, but are cut and cleaned, since anything may be in them. */
function namesOf (value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path.slice(0, 100)]
  return Object.entries(value).flatMap(([name, inner]) => namesOf(inner, `${path}/${name.replace(/[^\w.-]/g, '?')}`))
}

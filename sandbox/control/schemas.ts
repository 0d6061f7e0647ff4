import { z } from 'zod'
import { applications } from '../applications.ts'
import { eventFaultNames } from '../events/faults.ts'
import { faultTable, type FaultName } from '../faults.ts'

const names = Object.keys(faultTable) as [FaultName, ...FaultName[]]
const code = z.strictObject({ error: z.string().min(1), status: z.int().min(100).max(599), description: z.string().optional() })
const times = z.int().min(1).default(1)

/** `{ error, status }` may stand for the fault or beside the other fields. */
function nestCode (entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null || 'fault' in entry || !('error' in entry)) return entry
  const { error, status, description, ...rest } = entry as Record<string, unknown>
  return { ...rest, fault: { error, status, description } }
}

const fault = z.preprocess(nestCode, z.strictObject({
  method: z.string().default('*').transform(method => method.toLowerCase()),
  // 503 is easily written as a number.
  fault: z.union([z.preprocess(name => typeof name === 'number' ? String(name) : name, z.enum(names)), code],
    { error: `is neither { error, status } nor one of ${names.join(', ')}` }),
  times,
  afterMs: z.number().min(0).default(5_000),
  match: z.strictObject({ message: z.coerce.string() }).optional(),
  location: z.url().optional(),
  retryAfter: z.int().min(0).optional(),
}))

const asList = (body: unknown): unknown => Array.isArray(body) ? body : [body]

/** Added to the pending faults; an empty list removes them all. */
export const faultsBody = z.preprocess(asList, z.array(fault))

/** The same for what the portal sends. */
export const eventFaultsBody = z.preprocess(asList, z.array(z.strictObject({
  event: z.string().default('*').transform(event => event.toUpperCase()),
  fault: z.enum(eventFaultNames),
  times,
  afterMs: z.number().min(0).default(5_000),
})))

/** The message by its external id, with its chat if other chats have the same id, or by the portal's own. */
export const operatorEditBody = z.strictObject({
  message: z.coerce.string().optional(),
  chat: z.coerce.string().optional(),
  id: z.int().optional(),
  text: z.string().regex(/\S/, 'an empty text would delete the message'),
  /** The event has a list as DATA, as the documentation shows it. */
  list: z.boolean().default(false),
}).refine(({ message, id }) => (message === undefined) !== (id === undefined), 'needs either message or id')

/** Ends the session of one chat or of all. The next message of a client begins another one. */
export const closeSessionBody = z.strictObject({ chat: z.coerce.string().optional() })

export const loadBody = z.strictObject({
  msPerMessage: z.number().min(0).max(120_000).optional(),
  /** Seconds of the method's 480 that are spent from now on, for every application. */
  operating: z.number().min(0).optional(),
  method: z.string().default('imconnector.update.messages').transform(method => method.toLowerCase()),
})

export const clockBody = z.strictObject({ advanceMs: z.number().min(0) })

/** An origin, or a host with its port. */
export const renameBody = z.strictObject({
  address: z.string().min(1).transform(address => /^https?:\/\//.test(address) ? address : `http://${address}`).pipe(z.url()).transform(url => new URL(url).host),
})

export const installBody = z.strictObject({
  handler: z.url({ protocol: /^https?$/ }),
  /** The client id or the short name. */
  application: z.string().default('local.relay').transform((given, context) => {
    const found = applications.find(({ clientId, name }) => given === clientId || given === name)
    if (found !== undefined) return found
    context.addIssue({ code: 'custom', message: `is none of ${applications.map(({ clientId }) => clientId).join(', ')}` })
    return z.NEVER
  }),
  form: z.enum(['event', 'page']).default('event'),
  /** Whether the person who installs is an administrator of the portal. */
  admin: z.boolean().default(true),
  domain: z.string().min(1).optional(),
  memberId: z.string().min(1).optional(),
  /** False: the administrator closes the page before it can call installFinish. */
  finish: z.boolean().default(true),
  /** Tokens and application token that this portal never issued. */
  forge: z.boolean().default(false),
})

export type InstallBody = z.infer<typeof installBody>

export const messagesQuery = z.object({ chat: z.string().optional(), message: z.string().optional() })

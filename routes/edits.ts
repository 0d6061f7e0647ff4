import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { Conflict, NotFound } from '../src/base/errors.ts'
import { DEAD_REASONS, EDIT_STATES } from '../src/edit/edit.ts'
import type { Redelivery } from '../src/operations/redelivery.ts'
import type { Status } from '../src/operations/status.ts'
import { CONFIRMATIONS, type EditRow, type Outbox, type ReportWindow } from '../src/outbox/outbox.ts'
import { confirmationOf } from '../src/outbox/rules/confirm.ts'
import type { Confirmations } from '../src/operations/confirmations.ts'
import { requireAdmin, type Tokens } from './admin.ts'
import { channelsSchema, toChannels } from './channels.ts'
import { filterSchema, toFilter } from './filter.ts'
import { describeProblems } from './problems.ts'

const MAX_PAGE = 200

interface EditRoutesOptions {
  readonly tokens: Tokens
  readonly outbox: Pick<Outbox, 'find' | 'attempts' | 'list'>
  readonly redelivery: Redelivery
  readonly status: () => Promise<Status>
  readonly confirmations: Pick<Confirmations, 'window' | 'find'>
}

const pageSchema = filterSchema.extend({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: z.coerce.number().int().min(1).optional().describe('the `next` of the page before'),
})

const revisionSchema = z.object({ at: z.number(), tie: z.string() })

const editSchema = z.object({
  id: z.string(),
  channel: z.string(),
  connector: z.string(),
  line: z.number(),
  chat: z.string(),
  message: z.string(),
  state: z.enum(EDIT_STATES),
  reason: z.enum(DEAD_REASONS).nullable(),
  words: z.string().nullable().describe('the portal\'s error text for a dead edit'),
  flags: z.array(z.string()),
  revision: revisionSchema,
  attempts: z.number().describe('calls that carried the present content'),
  acceptedAt: z.string(),
  settledAt: z.string().nullable(),
  dueAt: z.string().nullable(),
  confirmation: z.enum(CONFIRMATIONS).nullable().describe('confirmed: the portal has reported that it found the message; unconfirmed: it ought to have; null: not delivered'),
  confirmedAt: z.string().nullable(),
  refused: z.object({ reason: z.string(), revision: revisionSchema }).nullable().describe('the newest revision that a guard refused'),
})

export type EditAnswer = z.infer<typeof editSchema>

const attemptSchema = z.object({ at: z.string(), durationMs: z.number(), code: z.string(), words: z.string().nullable() })

const statusSchema = z.object({
  ledger: z.object({ accepted: z.number(), superseded: z.number(), delivered: z.number(), dead: z.number(), pending: z.number() }),
  backlog: z.object({ pending: z.number(), oldestPendingAt: z.string().nullable() }),
  portal: z.object({ host: z.string(), condition: z.string(), since: z.string().nullable(), authorizeUrl: z.string().nullable() }),
  lines: z.array(z.object({ connector: z.string(), line: z.number(), code: z.string(), since: z.string() })),
  confirmations: z.object({ enabled: z.boolean(), boundAt: z.string().nullable(), lastEventAt: z.string().nullable(), confirmed: z.number(), unconfirmed: z.number(), unknown: z.number() }),
  channels: channelsSchema,
})

export type StatusAnswer = z.infer<typeof statusSchema>

const refusals = { 401: 'Not the ADMIN_TOKEN', 429: 'Too many requests' }
const filterRefusals = { 400: 'A filter is faulty or unknown; see errors', ...refusals }

/** `/api/*`: the operator's API. */
export async function editRoutes (app: FastifyInstance, { tokens, outbox, redelivery, status, confirmations }: EditRoutesOptions): Promise<void> {
  requireAdmin(app, tokens)
  const api = app.withTypeProvider<ZodTypeProvider>()

  api.get('/api/status', { schema: { summary: 'The ledger, the portal and its lines, the channels', response: { 200: statusSchema, ...describeProblems(refusals) } } }, async () => {
    const { ledger, backlog, portal, lines, confirmations: confirmed, channels } = await status()
    return {
      ledger,
      backlog: { ...backlog, oldestPendingAt: toIso(backlog.oldestPendingAt) },
      portal: { ...portal, since: toIso(portal.since) },
      lines: lines.map(line => ({ ...line, since: toIso(line.since) ?? '' })),
      confirmations: { ...confirmed, boundAt: toIso(confirmed.boundAt), lastEventAt: toIso(confirmed.lastEventAt) },
      channels: toChannels(channels),
    }
  })

  api.get('/api/edits', {
    schema: { summary: 'Edits that match, the newest message first', querystring: pageSchema, response: { 200: z.object({ edits: z.array(editSchema), next: z.string().nullable() }), ...describeProblems(filterRefusals) } },
  }, async request => {
    const { limit, cursor, ...filter } = request.query
    const window = await confirmations.window()
    const page = await outbox.list(toFilter(filter, window), { after: cursor ?? null, limit })
    return { edits: page.edits.map(edit => toJson(edit, window)), next: page.next === null ? null : String(page.next) }
  })

  api.get('/api/edits/:id', {
    schema: {
      summary: 'One edit with its last calls',
      params: z.object({ id: z.string().max(64) }),
      response: { 200: editSchema.extend({ attempts: z.array(attemptSchema), cause: z.string().nullable().describe('why it is not confirmed, as far as the relay can tell') }), ...describeProblems({ ...refusals, 404: 'No such edit' }) },
    },
  }, async request => {
    const { id } = request.params
    const [edit, attempts] = await Promise.all([outbox.find(id), outbox.attempts(id)])
    if (edit === null) throw new NotFound('no such edit: it never existed, or its retention is over')
    const [window, { cause }] = await Promise.all([confirmations.window(), confirmations.find(edit)])
    return { ...toJson(edit, window), cause, attempts: attempts.map(attempt => ({ ...attempt, at: new Date(attempt.at).toISOString() })) }
  })

  api.post('/api/edits/:id/redeliver', {
    schema: {
      summary: 'Sends a finished edit again',
      params: z.object({ id: z.string().max(64) }),
      response: { 202: editSchema, ...describeProblems({ ...refusals, 404: 'No such edit', 409: 'It already waits for a call, or a guard refused it' }) },
    },
  }, async (request, reply) => {
    const { id } = request.params
    const outcome = await redelivery.one(id)
    const edit = await outbox.find(id)
    if (outcome === 'not-found' || edit === null) throw new NotFound('no such edit: it never existed, or its retention is over')
    if (outcome === 'pending') throw new Conflict('the edit already waits for its call')
    if (outcome === 'nothing-held') throw new Conflict(`a guard refused the edit (${edit.reason ?? 'unknown'}), so nothing may be sent`)
    reply.code(202)
    return toJson(edit, await confirmations.window())
  })

  api.post('/api/edits/redeliver', {
    schema: {
      summary: 'Sends matching edits again; only dead ones unless another state is given',
      body: filterSchema.nullish(),
      querystring: filterSchema,
      response: { 202: z.object({ redelivered: z.number(), skipped: z.number() }), ...describeProblems(filterRefusals) },
    },
  }, async (request, reply) => {
    const filter = { state: 'dead' as const, ...withoutAbsent(request.query), ...withoutAbsent(request.body ?? {}) }
    reply.code(202)
    return await redelivery.matching(toFilter(filter, await confirmations.window()))
  })
}

function withoutAbsent<Fields extends object> (fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields
}

function toJson ({ calledAt, portalUser, ...row }: EditRow, window: ReportWindow) {
  return {
    ...row,
    confirmation: confirmationOf({ ...row, calledAt }, window),
    confirmedAt: toIso(row.confirmedAt),
    flags: [...row.flags],
    revision: toRevision(row.revision),
    acceptedAt: new Date(row.acceptedAt).toISOString(),
    settledAt: toIso(row.settledAt),
    dueAt: toIso(row.dueAt),
    refused: row.refused === null ? null : { reason: row.refused.reason, revision: toRevision(row.refused.revision) },
  }
}

function toRevision ({ at, tie }: EditRow['revision']) {
  return { at, tie: String(tie) }
}

function toIso (time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString()
}

import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { z } from 'zod'
import { BadRequest, NotFound } from '../src/base/errors.ts'
import type { Channel } from '../src/config/channels.ts'
import { channelsPage } from '../src/console/channels.ts'
import { deadPage } from '../src/console/dead.ts'
import { editPage } from '../src/console/edit.ts'
import { editsPage } from '../src/console/edits.ts'
import { address, MOST } from '../src/console/filter.ts'
import { overviewPage } from '../src/console/overview.ts'
import type { View } from '../src/console/page.ts'
import { redeliverPage } from '../src/console/redeliver.ts'
import { ownPath } from '../src/console/request.ts'
import type { EditStory } from '../src/console/story.ts'
import type { PortalCondition } from '../src/courier/parks.ts'
import { DEAD_REASONS } from '../src/edit/edit.ts'
import type { Intake } from '../src/intake.ts'
import type { ChannelActivity } from '../src/operations/activity.ts'
import type { Confirmations } from '../src/operations/confirmations.ts'
import type { Overview } from '../src/operations/overview.ts'
import type { ReadBack } from '../src/operations/read-back.ts'
import type { Redelivery } from '../src/operations/redelivery.ts'
import type { EditFilter, Outbox } from '../src/outbox/outbox.ts'
import { filterSchema, toFilter } from './filter.ts'
import { sendPage } from './page.ts'

/** What the pages show, and what their buttons do. */
export interface ConsoleParts {
  readonly channels: ReadonlyMap<string, Channel>
  readonly publicUrl: string | null
  readonly outbox: Pick<Outbox, 'find' | 'attempts' | 'content' | 'list' | 'count'>
  readonly overview: () => Promise<Overview>
  readonly condition: () => Promise<PortalCondition>
  readonly activity: { summary (): Promise<readonly ChannelActivity[]> }
  readonly confirmations: Pick<Confirmations, 'window' | 'find'>
  readonly redelivery: Pick<Redelivery, 'one' | 'some'>
  readonly readBack: Pick<ReadBack, 'verify'>
  readonly intake: Pick<Intake, 'preview'>
  /** Milliseconds of the outbox's clock. */
  readonly now: () => number
  readonly log: Logger
  readonly viewOf: (request: FastifyRequest, path?: string) => View
}

const PAGE = 50
const FIRST = 20

/** A form sends its empty fields too. */
const pageSchema = z.preprocess(withoutEmpty, filterSchema.extend({ cursor: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional() }))

/** Only finished edits can be sent again. */
const redeliverySchema = pageSchema.transform(filter => ({ state: 'dead' as const, ...filter }))
  .refine(({ state }) => state === 'dead' || state === 'delivered', 'must be finished')

const outcomeSchema = z.enum(['redelivered', 'pending', 'nothing-held']).optional().catch(undefined)

export function consolePages (app: FastifyInstance, parts: ConsoleParts): void {
  const { channels, publicUrl, outbox, overview, activity, confirmations, viewOf } = parts
  const names = [...channels.keys()]
  const schema = { hide: true }

  app.get('/console', { schema }, async (request, reply) => sendPage(reply, overviewPage(viewOf(request), await overview())))

  app.get('/console/again', { schema }, async (request, reply) => reply.redirect(ownPath(String((request.query as { to?: unknown }).to)), 303))

  app.get('/console/search', { schema }, async (request, reply) => {
    const q = String((request.query as { q?: unknown }).q ?? '').trim().slice(0, 1000)
    if (await outbox.find(q) !== null) return reply.redirect(`/console/edits/${encodeURIComponent(q)}`, 303)
    const { edits: [edit], next } = await outbox.list({ message: q }, { after: null, limit: 1 })
    if (edit !== undefined && next === null) return reply.redirect(`/console/edits/${encodeURIComponent(edit.id)}`, 303)
    const isChat = edit === undefined && await outbox.count({ chat: q }, { after: null, upTo: 1 }) > 0
    return reply.redirect(address('/console/edits', isChat ? { chat: q } : { message: q }), 303)
  })

  app.get('/console/edits', { schema }, async (request, reply) => {
    const { cursor, ...filter } = readFilter(request.query)
    const window = await confirmations.window()
    const asked = toFilter(filter, window)
    const list = await listAndCount(outbox, asked, { after: cursor ?? null, limit: PAGE })
    return sendPage(reply, editsPage(viewOf(request), { ...list, filter, isFirst: cursor === undefined, window, channels: names }))
  })

  app.get('/console/edits/:id', { schema }, async (request, reply) => {
    const { done } = request.query as { done?: unknown }
    return sendPage(reply, editPage(viewOf(request), { ...await findStory(request, parts), outcome: outcomeSchema.parse(done) }))
  })

  // The addresses of forms, opened again.
  app.get('/console/edits/:id/:act', { schema }, async (request, reply) => reply.redirect(`/console/edits/${encodeURIComponent((request.params as { id: string }).id)}`, 303))
  app.get('/console/channels/:id/preview', { schema }, async (_request, reply) => reply.redirect('/console/channels', 303))

  app.get('/console/dead', { schema }, async (request, reply) => {
    const counts = await Promise.all(DEAD_REASONS.map(async reason => [reason, await outbox.count({ state: 'dead', reason }, { after: null, upTo: MOST + 1 })] as const))
    return sendPage(reply, deadPage(viewOf(request), { counts: Object.fromEntries(counts), channels: names }))
  })

  app.get('/console/redeliver', { schema }, async (request, reply) => {
    const { cursor, ...filter } = readRedelivery(request.query)
    const window = await confirmations.window()
    const asked = toFilter(filter, window)
    const { edits, count } = await listAndCount(outbox, asked, { after: null, limit: FIRST })
    return sendPage(reply, redeliverPage(viewOf(request), { filter, edits, count, window }))
  })

  app.get('/console/channels', { schema }, async (request, reply) => {
    const shown = (await activity.summary()).flatMap(each => {
      const channel = channels.get(each.id)
      return channel === undefined ? [] : [{ ...each, messenger: channel.messenger, connector: channel.connector, line: channel.line, upstream: channel.upstream === null ? null : new URL(channel.upstream.url).origin }]
    })
    const guessed = `${request.protocol}://${request.host}`
    return sendPage(reply, channelsPage(viewOf(request), { channels: shown, base: publicUrl ?? guessed, isGuessed: publicUrl === null, isListening: publicUrl !== null }))
  })

  app.route({ method: ['GET', 'POST'], url: '/console/*', schema, handler: async () => { throw new NotFound('there is nothing at this address') } })
}

/** `count`: of all matching edits, also before the cursor, up to `MOST` + 1. */
async function listAndCount (outbox: Pick<Outbox, 'list' | 'count'>, filter: EditFilter, range: { readonly after: number | null, readonly limit: number }) {
  const list = await outbox.list(filter, range)
  // A search without a match reads the most. It is not repeated.
  const isWhole = range.after === null && list.next === null
  return { ...list, count: isWhole ? list.edits.length : await outbox.count(filter, { after: null, upTo: MOST + 1 }) }
}

/** What an edit's page shows. Rejects with NotFound. */
export async function findStory (request: FastifyRequest, { outbox, confirmations, condition }: Pick<ConsoleParts, 'outbox' | 'confirmations' | 'condition'>): Promise<EditStory> {
  const { id } = request.params as { id: string }
  const [edit, attempts] = await Promise.all([outbox.find(id), outbox.attempts(id)])
  if (edit === null) throw new NotFound('no such edit')
  return { edit, attempts, finding: await confirmations.find(edit), condition: await condition() }
}

function withoutEmpty (fields: unknown): unknown {
  return Object.fromEntries(Object.entries(fields ?? {}).filter(([, value]) => value !== ''))
}

function read<Output> (schema: z.ZodType<Output>, fields: unknown): Output {
  const parsed = schema.safeParse(fields)
  if (!parsed.success) throw new BadRequest('the filter is faulty or unknown')
  return parsed.data
}

const readFilter = (fields: unknown) => read(pageSchema, fields)

export const readRedelivery = (fields: unknown) => read(redeliverySchema, fields)

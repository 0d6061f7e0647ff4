import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { toWire } from '../src/bitrix24/update-messages.ts'
import { REFUSAL_REASONS } from '../src/edit/edit.ts'
import type { Intake, Preview } from '../src/intake.ts'
import { requireAdmin, type Tokens } from './admin.ts'
import { describeProblems } from './problems.ts'

/** The header that stands for `authorization`, which holds the ADMIN_TOKEN here. */
export const AUTHORIZATION = 'x-preview-authorization'

interface PreviewRoutesOptions {
  readonly tokens: Tokens
  readonly intake: Pick<Intake, 'preview'>
}

const profileSchema = z.object({
  id: z.string(),
  name: z.string().optional(),
  lastName: z.string().optional(),
  pictureUrl: z.string().optional(),
  url: z.string().optional(),
  gender: z.string().optional(),
  email: z.string().optional(),
  phone: z.string().optional(),
  lookUpId: z.string().optional().describe('the relay asks the messenger for this client\'s name before the call'),
})

const contentSchema = z.object({ text: z.string(), files: z.array(z.object({ url: z.string(), name: z.string().optional() })) })

const editSchema = z.object({
  direction: z.enum(['in', 'out']).optional(),
  user: profileSchema,
  message: z.object({ id: z.string(), date: z.number().optional(), ...contentSchema.shape }),
  replaces: contentSchema.optional().describe('the content before the edit'),
  chat: z.object({ id: z.string(), name: z.string().optional(), url: z.string().optional() }),
  revision: z.object({ at: z.number(), tie: z.string() }),
})

const block = z.record(z.string(), z.unknown())

const previewSchema = z.object({
  verified: z.boolean().describe('whether the signature that came along proves the sender'),
  reason: z.string().nullable().describe('why it does not'),
  edits: z.array(z.object({
    outcome: z.enum(['accepted', 'refused']).describe('what the guard says; edits that the relay holds are not considered'),
    reason: z.enum(REFUSAL_REASONS).nullable(),
    edit: editSchema.describe('with the portal\'s ids'),
    wire: z.object({ CONNECTOR: z.string(), LINE: z.number(), MESSAGES: z.array(z.object({ user: block, message: block, chat: block })) }).nullable()
      .describe('the parameters of imconnector.update.messages; null if the edit is refused'),
  })),
  ignored: z.array(z.object({
    reason: z.literal('unreadable').optional().describe('it should be an edit and cannot be read'),
    detail: z.string().optional(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })),
  clients: z.array(profileSchema).describe('the clients whose names the relay would remember'),
  reply: z.object({ status: z.number(), body: z.unknown() }).nullable().describe('the answer if the webhook is a question of the messenger'),
})

export type PreviewAnswer = z.infer<typeof previewSchema>

/** `POST /api/preview/:channel`: what the relay would do with a webhook. The body stays bytes, because signatures are made over them. */
export async function previewRoutes (app: FastifyInstance, { tokens, intake }: PreviewRoutesOptions): Promise<void> {
  requireAdmin(app, tokens)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

  app.withTypeProvider<ZodTypeProvider>().post('/api/preview/:channel', {
    schema: {
      summary: 'Shows what the relay would do with a webhook; stores and sends nothing',
      description: 'The body, the query and the headers are those of the webhook.',
      params: z.object({ channel: z.string() }),
      // Loose, because the signature is in other headers.
      headers: z.looseObject({ [AUTHORIZATION]: z.string().optional().describe('for a messenger that proves itself by the header authorization: the value of that header') }),
      consumes: ['*/*'],
      body: z.unknown().describe('the webhook as the messenger sends it, of any type'),
      response: { 200: previewSchema, ...describeProblems({ 401: 'Not the ADMIN_TOKEN', 404: 'No such channel', 413: 'Larger than 1 MiB', 429: 'Too many requests', 503: 'The database or the mapping did not answer in time' }) },
    },
  }, async request => {
    const { url, body, headers: { authorization, [AUTHORIZATION]: signed, ...headers } } = request
    const at = url.indexOf('?')
    const preview = await intake.preview(request.params.channel, {
      method: 'POST',
      query: at < 0 ? '' : url.slice(at + 1),
      headers: signed === undefined ? headers : { ...headers, authorization: String(signed) },
      body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
    })
    return toAnswer(preview)
  })
}

export function toAnswer ({ channel, unproven, edits, ignored, clients, reply }: Preview): PreviewAnswer {
  return previewSchema.parse({
    verified: unproven === null,
    reason: unproven,
    edits: edits.map(({ edit, refusal }) => ({
      outcome: refusal === null ? 'accepted' : 'refused',
      reason: refusal,
      edit: { ...edit, revision: { at: edit.revision.at, tie: String(edit.revision.tie) } },
      wire: refusal === null ? toWire(channel, [{ edit, omitFiles: false }]) : null,
    })),
    ignored: ignored.map(({ reason, detail, faults = [] }) => ({ reason, detail, ...faults.length > 0 ? { errors: faults } : {} })),
    clients,
    reply,
  })
}

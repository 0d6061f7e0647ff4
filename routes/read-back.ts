import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ReadBack } from '../src/operations/read-back.ts'
import { requireAdmin, type Tokens } from './admin.ts'
import { describeProblems } from './problems.ts'

interface ReadBackRoutesOptions {
  readonly tokens: Tokens
  readonly readBack: ReadBack
}

const verificationSchema = z.object({
  found: z.boolean().nullable().describe('whether the portal has the message; null if the relay could not look: see note'),
  text: z.string().nullable().describe('what the portal shows, in its BB code'),
  expected: z.string().nullable().describe('the newest text that the relay holds'),
  matches: z.boolean().nullable().describe('whether a reader sees the same: tags and blanks do not count'),
  note: z.string().nullable().describe('why it was not found, does not match, or could not be looked at'),
})

export type VerificationAnswer = z.infer<typeof verificationSchema>

const dialogSchema = z.object({
  dialog: z.string(),
  connector: z.string(),
  line: z.number(),
  chat: z.string().describe('the id with which the connector has sent the chat'),
  user: z.string().describe('the portal\'s own id of the client; 0 for a CHAT_GROUP connector'),
  messages: z.array(z.object({
    id: z.string().describe('the portal\'s own id'),
    externalIds: z.array(z.string()).describe('the ids with which the connector has sent the message'),
    by: z.enum(['client', 'operator', 'system']),
    at: z.string().nullable(),
  })).describe('of the last session, the newest first'),
  note: z.string().nullable().describe('why there are no messages'),
})

export type DialogAnswer = z.infer<typeof dialogSchema>

const refusals = { 401: 'Not the ADMIN_TOKEN', 429: 'Too many requests, or too many questions to the portal', 503: 'The database does not answer, or the relay is stopping' }

/** What an operator asks the portal for: at most one call a second, so an answer takes some seconds. The texts are in no log. */
export async function readBackRoutes (app: FastifyInstance, { tokens, readBack }: ReadBackRoutesOptions): Promise<void> {
  requireAdmin(app, tokens)
  const api = app.withTypeProvider<ZodTypeProvider>()

  api.post('/api/edits/:id/verify', {
    schema: {
      summary: 'Reads the message back from the portal',
      params: z.object({ id: z.string().max(64) }),
      response: { 200: verificationSchema, ...describeProblems({ ...refusals, 404: 'No such edit' }) },
    },
  }, async request => {
    const { note, ...verification } = await readBack.verify(request.params.id)
    return { ...verification, note: note?.text ?? null }
  })

  api.get('/api/dialogs/:dialog', {
    schema: {
      summary: 'Shows the connector, the line and the ids of an open line\'s chat',
      params: z.object({ dialog: z.string().regex(/^(?:chat)?[1-9]\d{0,14}$/i, 'must be the number of a chat, such as chat123') }),
      response: { 200: dialogSchema, ...describeProblems({ 400: 'Not the number of a chat', ...refusals, 404: 'The portal shows no such chat', 502: 'The portal does not answer' }) },
    },
  }, async request => {
    const { messages, ...dialog } = await readBack.ids(Number(request.params.dialog.replace(/^chat/i, '')))
    return {
      ...dialog,
      messages: messages.map(({ externalIds, at, ...message }) => ({ ...message, externalIds: [...externalIds], at: at === null ? null : new Date(at).toISOString() })),
    }
  })
}

import type { FastifyReply } from 'fastify'

export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  /** The code in the body, for the log of calls. */
  readonly error: string | null
}

/** What reaches the client: an answer, silence, a cut connection, or half an answer and then the cut. */
export type Reaction =
  | { readonly kind: 'answer' | 'half', readonly answer: Answer }
  | { readonly kind: 'silence' | 'cut' }

export function send (reply: FastifyReply, reaction: Reaction): FastifyReply {
  if (reaction.kind === 'answer') {
    const { status, headers, body } = reaction.answer
    return reply.code(status).headers(headers).send(body)
  }
  reply.hijack()
  if (reaction.kind === 'cut') reply.raw.destroy()
  if (reaction.kind === 'half') sendHalf(reply, reaction.answer)
  return reply
}

function sendHalf (reply: FastifyReply, { status, headers, body }: Answer): void {
  const bytes = Buffer.from(body)
  reply.raw.writeHead(status, { ...headers, 'content-length': bytes.byteLength })
  reply.raw.write(bytes.subarray(0, Math.floor(bytes.byteLength / 2)), () => reply.raw.destroy())
}

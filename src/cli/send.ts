import { BadRequest } from '../base/errors.ts'
import { signStandardWebhook } from '../signatures/standard-webhooks.ts'
import { ask } from './ask.ts'

interface SendOptions {
  /** The relay's address, without a path. */
  readonly url: string
  readonly channel: string
  readonly key: Buffer
  /** JSON: a whole event, or only its `data`. */
  readonly text: string
  /** Wall clock in milliseconds. */
  readonly now: number
}

/** Signs an event and posts it as a messenger does. Rejects with BadRequest if the text is not JSON, and if the relay cannot be reached. */
export async function send ({ url, channel, key, text, now }: SendOptions): Promise<{ status: number, answer: string }> {
  const body = toEvent(text, now)
  const headers = { 'content-type': 'application/json', ...signStandardWebhook(key, body, now) }
  const { status, text: answer } = await ask(url, `/webhooks/${encodeURIComponent(channel)}`, { method: 'POST', headers, body })
  return { status, answer }
}

function toEvent (text: string, now: number): string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new BadRequest(`this is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  // A whole event is sent unchanged: it may be wrong on purpose, or contain numbers that JavaScript would round.
  if (typeof value === 'object' && value !== null && 'type' in value && 'data' in value) return text
  return `{"type":"message.edited","timestamp":${JSON.stringify(new Date(now).toISOString())},"data":${text}}`
}

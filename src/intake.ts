import { address, addressClient } from './edit/address.ts'
import type { Channel } from './config/config.ts'
import { guard } from './edit/guard.ts'
import type { MessageEdit } from './edit/edit.ts'
import { BadRequest, NotFound } from './base/errors.ts'
import type { EditResult, IgnoredEvent, Messenger, SeenClient, WebhookContent, WebhookReply, WebhookRequest } from './messengers/messenger.ts'
import { messengers } from './messengers/registry.ts'
import type { IncomingEdit, IntakeResult, Outbox } from './outbox/outbox.ts'
import type { Profiles } from './outbox/profiles.ts'

export interface IntakeOptions {
  /** The configured portal's host. */
  readonly portal: string
  readonly channels: ReadonlyMap<string, Channel>
  readonly outbox: Pick<Outbox, 'accept'>
  readonly profiles: Pick<Profiles, 'find' | 'remember'>
  /** Milliseconds of a clock that never jumps, the courier's; for waits. */
  readonly now: () => number
  /** Milliseconds of the wall clock; for dates. */
  readonly wallTime: () => number
  /** Called once per webhook that brought something to deliver, after it is durable, with the time at which the first of it is due. */
  readonly onAccepted: (dueAt: number) => void
}

/**
 * What a webhook came to: the reply for its sender, and each edit with its result in the order of the webhook. `kind` says whether it was
 * a question about the address, held nothing but edits, or held something else as well.
 */
export interface Receipt {
  readonly kind: 'handshake' | 'edits' | 'events'
  readonly reply: WebhookReply
  readonly edits: readonly { readonly edit: MessageEdit | null, readonly result: EditResult, readonly detail?: string | undefined }[]
}

export interface Intake {
  /**
   * Takes a webhook of a channel. Fulfilled once every edit of it is durable. `admit` is asked as soon as the sender has proven
   * who it is, and what it throws ends the webhook. Rejects with NotFound, Unauthenticated, BadRequest or StoreUnavailable.
   */
  receive (channelId: string, request: WebhookRequest, admit?: () => Promise<void>): Promise<Receipt>
}

export function createIntake (options: IntakeOptions): Intake {
  const sources = new Map([...options.channels].map(([id, channel]) => [id, { channel, messenger: messengers[channel.messenger].create(channel) }]))

  function prepare (channel: Channel, source: MessageEdit, wallTime: number): IncomingEdit {
    const edit = address(source, channel)
    const key = { portal: options.portal, connector: channel.connector, line: channel.line, chat: edit.chat.id, message: edit.message.id }
    return {
      key,
      channel: channel.id,
      edit,
      refusal: guard(edit, { now: wallTime, allowAnonymous: channel.allowAnonymous }),
      now: options.now(),
      settleMs: channel.settleMs,
    }
  }

  /** An edit of a client without a name gets the profile that another webhook brought, and the guard is asked again. */
  async function complete (incoming: IncomingEdit, channel: Channel, wallTime: number): Promise<IncomingEdit> {
    if (incoming.refusal !== 'anonymous-user') return incoming
    const profile = await options.profiles.find(incoming.key.portal, incoming.key.connector, incoming.edit.user.id)
    if (profile === null) return incoming
    const edit = { ...incoming.edit, user: profile }
    return { ...incoming, edit, refusal: guard(edit, { now: wallTime, allowAnonymous: channel.allowAnonymous }) }
  }

  async function accept (edits: readonly MessageEdit[], channel: Channel, wallTime: number): Promise<Receipt['edits'][number][]> {
    if (edits.length === 0) return []
    const prepared = edits.map(edit => prepare(channel, edit, wallTime))
    const isNameless = prepared.some(edit => edit.refusal === 'anonymous-user')
    const incoming = isNameless ? await Promise.all(prepared.map(edit => complete(edit, channel, wallTime))) : prepared
    const accepted = await options.outbox.accept(incoming)
    const dueTimes = accepted.map(result => result.dueAt).filter(dueAt => dueAt !== null)
    if (dueTimes.length > 0) options.onAccepted(Math.min(...dueTimes))
    return accepted.map((result, index) => ({ edit: incoming[index]?.edit ?? null, result: toResult(result, incoming[index]) }))
  }

  async function remember (clients: readonly SeenClient[], channel: Channel, wallTime: number): Promise<void> {
    const { portal, now } = options
    const seen = clients.flatMap(client => {
      const profile = addressClient(client, channel)
      return profile === null ? [] : [{ portal, connector: channel.connector, profile, revision: { ...client.revision, at: toPast(client.revision.at, wallTime) }, now: now() }]
    })
    if (seen.length > 0) await options.profiles.remember(seen)
  }

  return {
    async receive (channelId, request, admit) {
      const source = sources.get(channelId)
      if (source === undefined) throw new NotFound('no such channel')
      const { channel, messenger } = source
      const wallTime = options.wallTime()

      const greeting = messenger.greet?.(request) ?? null
      if (greeting !== null) {
        await admit?.()
        return { kind: 'handshake', reply: greeting, edits: [] }
      }
      if (request.method === 'GET') throw new NotFound('there is nothing at this address for this method')
      messenger.verify(request, wallTime)
      await admit?.()
      const content = await parse(messenger, request, wallTime, channel.upstream === null ? messenger.unreadable : 'acknowledge')
      if (content.clients.length > 0) await remember(content.clients, channel, wallTime)
      const edits = [...await accept(content.edits, channel, wallTime), ...content.ignored.map(toIgnored)]
      return { kind: kindOf(content), reply: content.reply ?? messenger.reply(edits.map(({ result }) => result)), edits }
    },
  }
}

/** What is authentic and cannot be read is refused or ignored, whichever keeps the messenger sending. A connector behind us may read it. */
async function parse (messenger: Messenger, request: WebhookRequest, wallTime: number, unreadable: Messenger['unreadable']): Promise<WebhookContent> {
  try {
    return await messenger.parse(request, wallTime)
  } catch (error) {
    if (unreadable === 'refuse' || !(error instanceof BadRequest)) throw error
    return { edits: [], ignored: [{ reason: 'unreadable', detail: error.message }], clients: [] }
  }
}

/** Such an event is not judged, so its time may be anything: one ahead of us would outlast every later profile, one far back is beyond a database. */
function toPast (time: number, wallTime: number): number {
  return Math.max(0, Math.min(Math.round(time), wallTime))
}

function kindOf ({ edits, ignored, reply }: WebhookContent): Receipt['kind'] {
  if (reply !== undefined) return 'handshake'
  return edits.length > 0 && ignored.length === 0 ? 'edits' : 'events'
}

function toIgnored ({ reason, detail }: IgnoredEvent): Receipt['edits'][number] {
  return { edit: null, result: reason === undefined ? { outcome: 'ignored' } : { outcome: 'ignored', reason }, detail }
}

function toResult ({ id, outcome }: IntakeResult, incoming: IncomingEdit | undefined): EditResult {
  return outcome === 'refused' && incoming?.refusal ? { id, outcome, reason: incoming.refusal } : { id, outcome }
}

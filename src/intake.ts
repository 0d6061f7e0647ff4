import { BadRequest, ClockUnproven, ImpossibleTime, NotFound, Unauthenticated } from './base/errors.ts'
import type { PortalClock } from './base/portal-clock.ts'
import type { Channel } from './config/channels.ts'
import { address, addressClient } from './edit/address.ts'
import { authorId, type ClientProfile, type MessageEdit, type PortalEdit, type SeenClient, isNamed } from './edit/edit.ts'
import { guard } from './edit/guard.ts'
import type { EditResult, FindAuthor, Messenger, WebhookContent, WebhookKind, WebhookReply, WebhookRequest } from './messengers/messenger.ts'
import { messengers } from './messengers/registry.ts'
import type { IncomingEdit, IntakeResult, Outbox } from './outbox/outbox.ts'
import type { Profiles } from './outbox/profiles.ts'

interface IntakeOptions {
  /** Our own id of the portal. */
  readonly portal: string
  readonly channels: ReadonlyMap<string, Channel>
  readonly outbox: Pick<Outbox, 'accept'>
  readonly profiles: Pick<Profiles, 'find' | 'remember'>
  /** For waits: milliseconds of the courier's clock, which never jumps. */
  readonly now: () => number
  /** For dates: milliseconds of the wall clock. */
  readonly wallTime: () => number
  readonly clock: Pick<PortalClock, 'isProven' | 'time'>
  /** Called once for a webhook with accepted edits, after they are durable, with the time at which the first is due. */
  readonly onAccepted: (dueAt: number) => void
}

/** A webhook whose sender is authenticated. `greeting`: the answer to a check of the address; such a webhook has no edits. */
export interface VerifiedWebhook {
  readonly channel: Channel
  readonly messenger: Messenger
  readonly request: WebhookRequest
  readonly greeting: WebhookReply | null
}

/** The result of a webhook: the reply to its sender, and the result of each event: first the edits, then the ignored events. */
export interface Receipt {
  readonly kind: WebhookKind
  readonly reply: WebhookReply
  readonly edits: ReadonlyArray<{ readonly edit: PortalEdit | null, readonly result: EditResult, readonly detail?: string | undefined }>
}

/** How the intake reads a webhook. */
export interface Preview {
  readonly channel: Channel
  /** Why the request does not prove its sender, or null if it does. */
  readonly unproven: string | null
  /** What `accept` would give to the outbox. */
  readonly edits: readonly IncomingEdit[]
  readonly ignored: WebhookContent['ignored']
  /** With the portal's ids, as they would be stored. */
  readonly clients: readonly ClientProfile[]
  /** The answer if the webhook is a question, otherwise null. */
  readonly reply: WebhookReply | null
}

export type Intake = ReturnType<typeof createIntake>

/** A webhook's path into the outbox: verify, parse, map ids, guard, accept. */
export function createIntake ({ portal, channels, outbox, profiles, now, wallTime, clock, onAccepted }: IntakeOptions) {
  const sources = new Map([...channels].map(([id, channel]) => [id, { channel, messenger: messengers[channel.messenger].create(channel) }]))

  /** An unreadable webhook is refused or ignored, as its messenger requires to go on sending. With a connector behind us it is ignored. */
  async function parse ({ channel, messenger, request }: VerifiedWebhook, mayRefuse = messenger.unreadable === 'refuse' && channel.upstream === null): Promise<WebhookContent> {
    try {
      const content = await messenger.parse(request, wallTime(), authorsOf(channel))
      if (content.ignored.some(({ isImpossible }) => isImpossible)) doubtClock()
      return content
    } catch (error) {
      if (error instanceof ImpossibleTime) doubtClock()
      if (!(error instanceof BadRequest) || mayRefuse) throw error
      return { edits: [], ignored: [{ reason: 'unreadable', detail: error.message, faults: error.faults }], clients: [] }
    }
  }

  /** The sender repeats a webhook that our clock may misjudge, and loses nothing. */
  function doubtClock (): void {
    if (!clock.isProven()) throw new ClockUnproven('a time in the webhook is more than 24 hours ahead of our clock, which may be wrong: repeat it later')
  }

  /** Stores the clients, and whose the messages are that they wrote. */
  async function remember (clients: readonly SeenClient[], channel: Channel): Promise<void> {
    const seen = clients.flatMap(client => {
      const revision = { ...client.revision, at: toPast(client.revision.at, wallTime()) }
      return [addressClient(client, channel), authorRow(client, channel)].filter(profile => profile !== null)
        .map(profile => ({ portal, connector: channel.connector, profile, revision, now: now() }))
    })
    if (seen.length > 0) await profiles.remember(seen)
  }

  function authorsOf (channel: Channel): FindAuthor {
    return async message => {
      const row = await profiles.find(portal, channel.connector, authorId(channel.id, message))
      return row === null ? null : { user: row.name ?? '', chat: row.lastName ?? '' }
    }
  }

  /** Maps the ids to the portal's. A client without a name gets the profile of an earlier webhook, or one of `seen`, which are not stored. */
  async function toPortalEdit (edit: MessageEdit, channel: Channel, seen: readonly ClientProfile[] = []): Promise<PortalEdit> {
    const addressed = address(edit, channel)
    if (isNamed(addressed.user)) return addressed
    const profile = seen.find(({ id }) => id === addressed.user.id) ?? await profiles.find(portal, channel.connector, addressed.user.id)
    return profile === null ? addressed : { ...addressed, user: profile }
  }

  function toIncoming (edit: PortalEdit, channel: Channel, portalTime = clock.time()): IncomingEdit {
    const key = { portal, connector: channel.connector, line: channel.line, chat: edit.chat.id, message: edit.message.id }
    return { key, channel: channel.id, edit, refusal: guard(edit, { portalTime, waitedMs: 0 }), now: now(), settleMs: channel.settleMs }
  }

  const intake = {
    /** Whether a webhook of the channel can be verified only after its body was received and read. */
    hasSecretInBody: (channelId: string): boolean => sources.get(channelId)?.messenger.hasSecretInBody === true,

    /** Throws NotFound, or Unauthenticated if the webhook is not from the channel's messenger. Parses nothing. */
    verify (channelId: string, request: WebhookRequest): VerifiedWebhook {
      const source = sources.get(channelId)
      if (source === undefined) throw new NotFound('no such channel')
      const { channel, messenger } = source
      // The connector behind the channel answers checks of its address itself.
      if (request.method === 'GET' && channel.upstream?.handshakes) return { ...source, request, greeting: { status: 200, body: '' } }
      const greeting = messenger.greet?.(request) ?? null
      if (greeting === null) {
        if (request.method === 'GET') throw new NotFound('there is nothing at this address for this method')
        messenger.verify(request, wallTime())
      }
      return { ...source, request, greeting }
    },

    /** Fulfilled when all edits of the webhook are durable. Rejects with BadRequest, ClockUnproven or StoreUnavailable. */
    async accept (webhook: VerifiedWebhook): Promise<Receipt> {
      const { channel, messenger, greeting } = webhook
      if (greeting !== null) return { kind: 'handshake', reply: greeting, edits: [] }

      const content = await parse(webhook)
      if (content.clients.length > 0) await remember(content.clients, channel)
      const addressed = await Promise.all(content.edits.map(edit => toPortalEdit(edit, channel)))
      const incoming = addressed.map(edit => toIncoming(edit, channel))
      const results = incoming.length > 0 ? await outbox.accept(incoming) : []
      const dueTimes = results.map(({ dueAt }) => dueAt).filter(dueAt => dueAt !== null)
      if (dueTimes.length > 0) onAccepted(Math.min(...dueTimes))

      const edits: Receipt['edits'] = [
        ...results.map((result, index) => ({ edit: addressed[index] as PortalEdit, result: toEditResult(result, incoming[index] as IncomingEdit) })),
        ...content.ignored.map(({ reason, detail }) => ({ edit: null, result: { outcome: 'ignored' as const, ...reason === undefined ? {} : { reason } }, detail })),
      ]
      return { kind: kindOf(content), reply: content.reply ?? messenger.reply(edits.map(({ result }) => result)), edits }
    },

    /** Reads a POST as `accept` does, even if it does not prove its sender. Stores and sends nothing. Rejects with NotFound or StoreUnavailable. */
    async preview (channelId: string, request: WebhookRequest): Promise<Preview> {
      const source = sources.get(channelId)
      if (source === undefined) throw new NotFound('no such channel')
      const { channel } = source
      let unproven: string | null = null
      let webhook: VerifiedWebhook = { ...source, request, greeting: null }
      try {
        webhook = intake.verify(channelId, request)
      } catch (error) {
        if (!(error instanceof Unauthenticated)) throw error
        unproven = error.message
      }
      if (webhook.greeting !== null) return { channel, unproven, edits: [], ignored: [], clients: [], reply: webhook.greeting }

      const content = await parse(webhook, false)
      const clients = content.clients.map(client => addressClient(client, channel)).filter(client => client !== null)
      const addressed = await Promise.all(content.edits.map(edit => toPortalEdit(edit, channel, clients.filter(isNamed))))
      return { channel, unproven, edits: addressed.map(edit => toIncoming(edit, channel, clock.time() ?? wallTime())), ignored: content.ignored, clients, reply: content.reply ?? null }
    },
  }
  return intake
}

/** A message's author in the form of a profile, whose table has what it needs: the newest counts, and it is kept as long as a client. */
function authorRow ({ user, chat = user.id, message }: SeenClient, channel: Channel): ClientProfile | null {
  return message === undefined ? null : { id: authorId(channel.id, message), name: user.id, lastName: chat }
}

/** These times are not validated. A future one would beat all later profiles, and one far in the past does not fit into a database. */
function toPast (time: number, wallTime: number): number {
  return Math.max(0, Math.min(Math.round(time), wallTime))
}

function kindOf ({ edits, ignored, reply }: WebhookContent): WebhookKind {
  if (reply !== undefined) return 'handshake'
  return edits.length > 0 && ignored.length === 0 ? 'edits' : 'events'
}

function toEditResult ({ id, outcome }: IntakeResult, { refusal }: IncomingEdit): EditResult {
  return outcome === 'refused' && refusal !== null ? { id, outcome, reason: refusal } : { id, outcome }
}

import { NotFound, PortalSilent } from '../base/errors.ts'
import { fill } from '../base/fill.ts'
import type { Dialog, Found, OpenLines, ShownMessage } from '../bitrix24/open-lines.ts'
import { isShownAs } from '../bitrix24/shown-text.ts'
import type { EditedMessage } from '../edit/edit.ts'
import type { EditRow, Outbox } from '../outbox/outbox.ts'

interface ReadBackOptions {
  readonly outbox: Pick<Outbox, 'find' | 'content'>
  readonly openLines: OpenLines
}

/** What stands in the portal beside what ought to. The texts are a client's: they are for the answer only. */
export interface Verification {
  /** Null: the relay could not look, and `note` says why. */
  readonly found: boolean | null
  readonly text: string | null
  /** The text that the row holds; null if it has none. */
  readonly expected: string | null
  readonly matches: boolean | null
  readonly note: Note | null
}

/** Why the relay could not look, or why the texts differ. */
export interface Note {
  readonly id: NoteId
  /** What the sentence's placeholders stand for. */
  readonly values: Readonly<Record<string, string>>
  /** The sentence in English. */
  readonly text: string
}

/** What a connector has sent for a dialog. `note`: why there are no messages. */
export interface DialogIds extends Pick<Dialog, 'connector' | 'line' | 'chat' | 'user'> {
  readonly dialog: string
  readonly messages: ReadonlyArray<Pick<ShownMessage, 'id' | 'externalIds' | 'by' | 'at'>>
  readonly note: string | null
}

export type ReadBack = ReturnType<typeof createReadBack>

const MAX_MESSAGES = 20

/** The connector's clock may differ from the portal's. */
const CLOCK_MARGIN_MS = 5 * 60_000

/** The portal edits no older message. */
const EDITABLE_MS = 3 * 24 * 3600_000

const NO_HISTORY = 'the user who has installed the application may not see this chat\'s history: let that user view the history of all operators (Contact Center, Open Channels, access permissions), or let an administrator install the application again'

export const NOTES = {
  refused: 'the relay has refused the edit ({reason}), and has sent nothing for this message',
  failed: '{words}',
  noHistory: NO_HISTORY,
  noMessage: 'the portal has the dialog, but no message with this id: compare the template "ids.message", or the original was never sent',
  earlierSession: 'the last session of the dialog has no message with this id, and the portal shows earlier sessions only by their own ids: the message may be in one of them; look in the open line',
  notDeliveredYet: 'the portal tells the client\'s id only when it accepts a call with the edit: look again when it is delivered',
  unknownUser: 'the portal did not know the client, so the original has another user id, or was never sent: compare the template "ids.user"',
  noDialog: 'the portal shows no dialog {name}: compare connector, line and "ids.chat" with an original\'s (`npm run -s relay -- ids <dialog>`), or let a user who may see the chat install the application again',
  deleted: 'the message was deleted in the portal',
  notDelivered: 'the newest text is not delivered yet',
  dead: 'the edit was not delivered ({reason})',
  editedOtherwise: 'it was edited otherwise: by an operator, or by another program that uses the connector',
  tooOld: 'the portal changes no message that is older than three days',
  unchanged: 'the portal has accepted the edit and not changed the message: redeliver it',
} as const

export type NoteId = keyof typeof NOTES

/** Reads messages back from the portal, for operators. */
export function createReadBack ({ outbox, openLines }: ReadBackOptions) {
  /** By the client's dialog, or the one that all clients of a chat share. */
  async function findDialog ({ connector, line, chat, portalUser }: EditRow): Promise<Found<Dialog>> {
    for (const user of new Set([portalUser ?? '0', '0'])) {
      const found = await openLines.dialog({ USER_CODE: [connector, line, chat, user].join('|') })
      if (found.kind !== 'hidden') return found
    }
    return { kind: 'hidden' }
  }

  return {
    /** Rejects with NotFound if there is no such edit; see also OperatorCalls. */
    async verify (id: string): Promise<Verification> {
      const [edit, content] = await Promise.all([outbox.find(id), outbox.content(id)])
      if (edit === null) throw new NotFound('no such edit: it never existed, or its retention is over')
      const expected = content?.text ?? null
      const unseen = (note: Note): Verification => ({ found: null, text: null, expected, matches: null, note })
      if (content === null) return unseen(toNote('refused', { reason: edit.reason ?? '' }))
      const dialog = await findDialog(edit)
      if (dialog.kind === 'failed') return unseen(toNote('failed', { words: dialog.words }))
      if (dialog.kind === 'hidden') return unseen(whyHidden(edit))
      const session = await openLines.lastSession(dialog.value)
      if (session.kind === 'failed') return unseen(toNote('failed', { words: session.words }))
      if (session.kind === 'hidden') return unseen(toNote('noHistory'))

      // The portal edits all messages with the id.
      const same = session.value.filter(({ externalIds }) => externalIds.includes(content.id))
      const shown = same.find(message => isShownAs(content.text, message)) ?? same[0]
      if (shown === undefined) {
        return isWhole(session.value, dialog.value, content)
          ? { ...unseen(toNote('noMessage')), found: false, matches: false }
          : unseen(toNote('earlierSession'))
      }
      const matches = !shown.isDeleted && isShownAs(content.text, shown)
      return { found: true, text: shown.text, expected, matches, note: noteOn(edit, shown, matches) }
    },

    /** Rejects with NotFound or PortalSilent; see also OperatorCalls. `dialog`: the number in `chat123`. */
    async ids (dialog: number): Promise<DialogIds> {
      const found = await openLines.dialog({ CHAT_ID: dialog })
      if (found.kind === 'failed') throw new PortalSilent(found.words)
      if (found.kind === 'hidden') throw new NotFound(`the portal shows no open line's chat${dialog}: correct the number, or let a user who may see the chat install the application again`)
      const session = await openLines.lastSession(found.value)
      if (session.kind === 'failed') throw new PortalSilent(session.words)
      const { connector, line, chat, user } = found.value
      const messages = session.kind === 'hidden' ? [] : session.value.slice(0, MAX_MESSAGES).map(({ id, externalIds, by, at }) => ({ id, externalIds, by, at }))
      return { dialog: `chat${dialog}`, connector, line, chat, user, messages, note: session.kind === 'hidden' ? NO_HISTORY : null }
    },
  }
}

/** Whether a message with the id of `content` would be among these, if there were one: they are all of the dialog's, or reach back to before it. */
function isWhole (messages: readonly ShownMessage[], dialog: Dialog, { date }: EditedMessage): boolean {
  if (dialog.messages !== null && messages.length >= dialog.messages) return true
  const since = messages.at(-1)?.at ?? null
  return date !== undefined && since !== null && since + CLOCK_MARGIN_MS < date
}

function whyHidden ({ connector, line, chat, portalUser, flags, calledAt, state }: EditRow): Note {
  if (calledAt === null || (portalUser === null && state !== 'delivered')) return toNote('notDeliveredYet')
  return flags.includes('unknown-user') ? toNote('unknownUser') : toNote('noDialog', { name: `${connector}|${line}|${chat}|${portalUser ?? '0'}` })
}

function noteOn (edit: EditRow, shown: ShownMessage, matches: boolean): Note | null {
  if (matches) return null
  if (shown.isDeleted) return toNote('deleted')
  if (edit.state === 'pending') return toNote('notDelivered')
  if (edit.state === 'dead') return toNote('dead', { reason: edit.reason ?? '' })
  if (shown.isEdited) return toNote('editedOtherwise')
  const isOld = shown.at !== null && (edit.settledAt ?? 0) - shown.at > EDITABLE_MS
  return toNote(isOld ? 'tooOld' : 'unchanged')
}

function toNote (id: NoteId, values: Note['values'] = {}): Note {
  return { id, values, text: fill(NOTES[id], values) }
}

import type { Original } from './connector.ts'

/** One edit. Its time at the messenger, `atS`, decides which edit is the newest, not its place in the list. */
export interface SentEdit {
  readonly atS: number
  readonly text: string
}

interface Scene {
  readonly title: string
  readonly message: string
  readonly before: string
  readonly edits: readonly SentEdit[]
  /** The expected text in the portal at the end. */
  readonly after: string
  /** Who edits; the client of the conversation, unless told otherwise. */
  readonly user?: object
}

const burst = Array.from({ length: 10 }, (_, index) => ({ atS: 10 + index, text: `Two tickets to Kazan${', please'.repeat(index % 2)}${'!'.repeat(index)}` }))

/** A conversation in which a client edits their messages. */
export const scenes: readonly Scene[] = [
  { title: 'one edit', message: 'm-1', before: 'Good mornig', edits: [{ atS: 5, text: 'Good morning' }], after: 'Good morning' },
  { title: 'ten edits in a burst', message: 'm-2', before: 'Two tickets', edits: burst, after: burst.at(-1)?.text ?? '' },
  {
    title: 'two in the wrong order',
    message: 'm-3',
    before: 'On Friday',
    edits: [{ atS: 21, text: 'On Thursday, after six' }, { atS: 20, text: 'On Thursday' }],
    after: 'On Thursday, after six',
  },
  { title: 'delivered twice', message: 'm-4', before: 'My number is 12', edits: [{ atS: 30, text: 'My number is 21' }, { atS: 30, text: 'My number is 21' }], after: 'My number is 21' },
  { title: 'text emptied: refused', message: 'm-5', before: 'Do not lose this', edits: [{ atS: 40, text: '  ' }], after: 'Do not lose this' },
  {
    title: 'looks like BB code',
    message: 'm-6',
    before: 'Is it free?',
    edits: [{ atS: 50, text: '[B]Free[/B] if you [SEND=/pay]click[/SEND]' }],
    after: '[\u200BB]Free[\u200B/B] if you [\u200BSEND=/pay]click[\u200B/SEND]',
  },
  {
    title: 'unknown client: rejected',
    message: 'm-7',
    before: 'Call me at six',
    edits: [{ atS: 60, text: 'Call me at seven' }],
    after: 'Call me at six',
    user: { id: '43', name: 'Ivan', last_name: 'Petrov', email: 'ivan.example.com' },
  },
]

/** An edit of a message that the connector never sent: the portal reports success, and does not confirm it. */
export const lost: Scene = { title: 'never sent to the portal', message: 'm-8', before: '(missing)', edits: [{ atS: 70, text: 'See you' }], after: '(missing)' }

/** A webhook that should be an edit and has no message id. */
export const unreadable = { user: { id: '42' }, message: { text: 'See you' }, chat: { id: 'channel-123' } }

export function toOriginal (scene: Scene): Original {
  return { user: client, message: { id: scene.message, text: scene.before }, chat }
}

/** The webhook's `data` for one edit of the scene. */
export function toWebhookData (scene: Scene, edit: SentEdit, startS: number): object {
  return { user: scene.user ?? client, message: { id: scene.message, edited_at: startS + edit.atS, text: edit.text }, chat }
}

const client = { id: '42', name: 'Ivan', last_name: 'Petrov' }
const chat = { id: 'channel-123', name: 'Ivan Petrov' }

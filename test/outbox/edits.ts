import type { MessageEdit } from '../../src/edit/edit.ts'
import { accept, identify, type IdentifiedEdit } from '../../src/outbox/rules/accept.ts'
import type { OutboxRow } from '../../src/outbox/rules/row.ts'
import type { IncomingEdit } from '../../src/outbox/outbox.ts'
import { portalEdit } from '../portal-edit.ts'

export const PORTAL = 'example.bitrix24.ru'

export interface EditOptions {
  message?: string
  connector?: string
  line?: number
  at?: number
  tie?: bigint
  text?: string
  replaces?: string
  files?: number
  date?: number
  refusal?: IncomingEdit['refusal']
  now?: number
  settleMs?: number
}

/** An edit as the intake hands it over, and as an engine knows it; every test names only what it is about. */
export function incoming (options: EditOptions = {}): IdentifiedEdit {
  const { message = 'm1', connector = 'relay_demo', line = 1, at = 1, tie = 0n, text = 'Hello', files = 0, refusal = null, now = 1000, settleMs = 0 } = options
  const edit: MessageEdit = {
    user: { id: 'u1', name: 'Anna' },
    message: {
      id: message,
      ...(options.date === undefined ? {} : { date: options.date }),
      text,
      files: Array.from({ length: files }, (_, index) => ({ url: `https://files.example/${index}` })),
    },
    ...(options.replaces === undefined ? {} : { replaces: { text: options.replaces, files: [] } }),
    chat: { id: 'c1' },
    revision: { at, tie },
  }
  const key = { portal: PORTAL, connector, line, chat: edit.chat.id, message }
  return identify({ key, channel: 'default', edit: portalEdit(edit), refusal, now, settleMs })
}

/** The pending row of a first edit, with the fields that a test is about. */
export function heldRow (fields: Partial<OutboxRow> = {}): OutboxRow {
  return { ...accept(null, incoming()).row as OutboxRow, ...fields }
}

/** The same row after its edit was delivered. */
export function deliveredRow (fields: Partial<OutboxRow> = {}): OutboxRow {
  return heldRow({ state: 'delivered', finishedAt: 2000, waitingSince: null, dueAt: null, ...fields })
}

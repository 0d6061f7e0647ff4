import type { FileLink } from '../../edit.ts'
import type { IncomingEdit } from '../store.ts'

/*
 * Edits on their way to the writer's thread, as one flat list of plain values. A structured clone of the edits themselves names every field of
 * every object and took five times as long, on both sides.
 */

export type Wire = ReadonlyArray<string | number | bigint | null | undefined>

type Edit = IncomingEdit['edit']
type Optional = string | undefined

export function encodeEdits (edits: readonly IncomingEdit[]): Wire {
  const wire: Array<Wire[number]> = []
  for (const { id, key, channel, edit, digest, replaced, refusal, now, settleMs } of edits) {
    const { direction, user, message, chat, revision } = edit
    wire.push(
      id, key.portal, key.connector, key.line, key.chat, key.message, channel, digest, replaced, refusal, now, settleMs,
      direction, revision.at, revision.tie,
      user.id, user.name, user.lastName, user.pictureUrl, user.url, user.gender, user.email, user.phone, user.lookUpId,
      chat.id, chat.name, chat.url, message.id, message.date, message.text, message.files.length
    )
    for (const { url, name } of message.files) wire.push(url, name)
  }
  return wire
}

/** What `encodeEdits` was given; a field that was absent is undefined. */
export function decodeEdits (wire: Wire): IncomingEdit[] {
  const edits: IncomingEdit[] = []
  let next = 0
  // The one place where the types are a promise and not a proof: the order below is the order above.
  const read = <Value extends Wire[number]>(): Value => wire[next++] as Value
  while (next < wire.length) {
    const id = read<string>()
    const key = { portal: read<string>(), connector: read<string>(), line: read<number>(), chat: read<string>(), message: read<string>() }
    const head = {
      channel: read<string>(),
      digest: read<string>(),
      replaced: read<Optional>(),
      refusal: read<IncomingEdit['refusal']>(),
      now: read<number>(),
      settleMs: read<number>(),
    }
    const direction = read<Edit['direction']>()
    const revision = { at: read<number>(), tie: read<bigint>() }
    const user = {
      id: read<string>(),
      name: read<Optional>(),
      lastName: read<Optional>(),
      pictureUrl: read<Optional>(),
      url: read<Optional>(),
      gender: read<Optional>(),
      email: read<Optional>(),
      phone: read<Optional>(),
      lookUpId: read<Optional>(),
    }
    const chat = { id: read<string>(), name: read<Optional>(), url: read<Optional>() }
    const message = { id: read<string>(), date: read<number | undefined>(), text: read<string>() }
    const files: FileLink[] = Array.from({ length: read<number>() }, () => ({ url: read<string>(), name: read<Optional>() }))
    edits.push({ id, key, ...head, edit: { direction, user, message: { ...message, files }, chat, revision } })
  }
  return edits
}

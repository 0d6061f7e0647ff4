import type { Content, FileLink } from '../../edit.ts'
import type { IncomingEdit, IntakeResult } from '../store.ts'

/*
 * Edits on their way to the writer's thread, and what became of them on the way back, as one flat list of plain values. A structured clone of
 * the edits themselves names every field of every object and took five times as long, on both sides.
 */

export type Wire = ReadonlyArray<string | number | bigint | null | undefined>
export type WiredResults = ReadonlyArray<string | number | null>

type Edit = IncomingEdit['edit']
type Optional = string | undefined

export function encodeEdits (edits: readonly IncomingEdit[]): Wire {
  const wire: Array<Wire[number]> = []
  const push = ({ text, files }: Content): void => {
    wire.push(text, files.length)
    for (const { url, name } of files) wire.push(url, name)
  }
  for (const { key, channel, edit, refusal, now, settleMs } of edits) {
    const { direction, user, message, replaces, chat, revision } = edit
    wire.push(
      key.portal, key.connector, key.line, key.chat, key.message, channel, refusal, now, settleMs,
      direction, revision.at, revision.tie,
      user.id, user.name, user.lastName, user.pictureUrl, user.url, user.gender, user.email, user.phone, user.lookUpId,
      chat.id, chat.name, chat.url, message.id, message.date
    )
    push(message)
    wire.push(replaces === undefined ? 0 : 1)
    if (replaces !== undefined) push(replaces)
  }
  return wire
}

/** What `encodeEdits` was given; a field that was absent is undefined. */
export function decodeEdits (wire: Wire): IncomingEdit[] {
  const edits: IncomingEdit[] = []
  let next = 0
  // The one place where the types are a promise and not a proof: the order below is the order above.
  const read = <Value extends Wire[number]>(): Value => wire[next++] as Value
  const readFiles = (): FileLink[] => Array.from({ length: read<number>() }, () => ({ url: read<string>(), name: read<Optional>() }))
  while (next < wire.length) {
    const key = { portal: read<string>(), connector: read<string>(), line: read<number>(), chat: read<string>(), message: read<string>() }
    const head = { channel: read<string>(), refusal: read<IncomingEdit['refusal']>(), now: read<number>(), settleMs: read<number>() }
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
    const message = { id: read<string>(), date: read<number | undefined>(), text: read<string>(), files: readFiles() }
    const replaces = read<number>() === 1 ? { text: read<string>(), files: readFiles() } : undefined
    edits.push({ key, ...head, edit: { direction, user, message, replaces, chat, revision } })
  }
  return edits
}

export function encodeResults (results: readonly IntakeResult[]): WiredResults {
  return results.flatMap(({ id, outcome, dueAt }) => [id, outcome, dueAt])
}

export function decodeResults (wire: WiredResults): IntakeResult[] {
  return Array.from({ length: wire.length / 3 }, (_, index) => {
    const [id, outcome, dueAt] = wire.slice(3 * index, 3 * index + 3) as [string, IntakeResult['outcome'], number | null]
    return { id, outcome, dueAt }
  })
}

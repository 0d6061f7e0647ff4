/** A text as a database and the portal can hold it: without U+0000 and halves of surrogate pairs. The length stays the same, so offsets stay valid. */
export function storable (text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

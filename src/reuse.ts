/** Asks again only when the last answer is too old, and once for all who ask meanwhile: anybody may, and an answer costs the store a write or a read. */
export function reuse<Answer> (ask: () => Promise<Answer>, validMs: number, now: () => number): () => Promise<Answer> {
  let last: { readonly answer: Promise<Answer>, at: number } | null = null
  return () => {
    if (last === null || now() - last.at >= validMs) {
      const current = { answer: ask(), at: Infinity }
      current.answer.then(() => { current.at = now() }, () => { last = null })
      last = current
    }
    return last.answer
  }
}

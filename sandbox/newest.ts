/** The newest entries of a log. */
export interface Newest<Entry> {
  add (entry: Entry): Entry
  list (): readonly Entry[]
  clear (): void
}

const kept = 20_000

/** Keeps 20,000. Older ones are removed in blocks, to keep `add` cheap. */
export function createNewest<Entry> (): Newest<Entry> {
  let entries: Entry[] = []
  return {
    add (entry) {
      entries.push(entry)
      if (entries.length >= kept * 1.25) entries = entries.slice(-kept)
      return entry
    },
    list: () => entries.slice(-kept),
    clear () {
      entries = []
    },
  }
}

import type { DatabaseSync } from 'node:sqlite'

export type SqliteIds = ReturnType<typeof createSqliteIds>

/** So many rows are known in memory only before they are merged, and at least so many of them go with one commit then. */
const MERGED_TOGETHER = 16_384
const MERGED_IN_A_COMMIT = 256

/** The row of a message, for a connection that only reads: what is not merged yet is looked through. `?1` is the id. */
export const SEQ_OF_ID = `coalesce((SELECT ids.seq FROM ids WHERE ids.id = ?1),
  (SELECT fresh.seq FROM outbox AS fresh WHERE fresh.seq > (SELECT merged_to FROM ids_merge) AND fresh.id = ?1))`

/**
 * Where each message's row stands, as a log-structured merge tree of two levels. Ids are hashes: an index that takes each at once has a page to
 * write for every new message, which was two thirds of what a commit wrote. So the newest rows are known in memory, with the outbox itself as
 * their log, and go into the table `ids` in the order of that table and in thousands, many to a page. Synchronous and without a transaction
 * of its own.
 */
export function createSqliteIds (db: DatabaseSync, mergedTogether = MERGED_TOGETHER, mergedInACommit = MERGED_IN_A_COMMIT) {
  const one = db.prepare('SELECT seq FROM ids WHERE id = ?')
  const merge = db.prepare('INSERT OR REPLACE INTO ids (id, seq) VALUES (?, ?)')
  const remove = db.prepare('DELETE FROM ids WHERE id = ?')
  const mergedTo = db.prepare('SELECT merged_to FROM ids_merge')
  const setMergedTo = db.prepare('UPDATE ids_merge SET merged_to = ?')
  const notMerged = db.prepare('SELECT seq, id FROM outbox WHERE seq > (SELECT merged_to FROM ids_merge)')
  const last = db.prepare('SELECT max(seq) AS seq FROM outbox')

  const fresh = new Map<string, number>()
  let nextSeq = 1
  let added = 0
  /** What is being merged: ids in ascending order, how many of them are done, and the last row among them. */
  let batch: { readonly ids: readonly string[], done: number, readonly lastSeq: number } | null = null

  /** False as well after a load that failed: without it, a message would get a second row. */
  let isLoaded = false

  function load (): void {
    fresh.clear()
    batch = null
    for (const { seq, id } of notMerged.iterate()) fresh.set(id as string, seq as number)
    // Never that of a row that was pruned: it would lie among the merged ones.
    nextSeq = Math.max(mergedTo.get()?.merged_to as number, (last.get()?.seq ?? 0) as number) + 1
    isLoaded = true
  }

  return {
    /** At the start of each transaction. */
    begin (): void {
      added = 0
      if (!isLoaded) load()
    },

    /** The row's `seq`, or null when the message has none. */
    find (id: string): number | null {
      return fresh.get(id) ?? (one.get(id)?.seq as number | undefined) ?? null
    },

    /** The `seq` under which the row of a message that has none is to be inserted. */
    add (id: string): number {
      fresh.set(id, nextSeq)
      added++
      return nextSeq++
    },

    remove (id: string): void {
      fresh.delete(id)
      remove.run(id)
    },

    /** At the end of each transaction. */
    end (): void {
      if (batch === null && fresh.size >= mergedTogether) batch = { ids: [...fresh.keys()].sort(), done: 0, lastSeq: nextSeq - 1 }
      if (batch === null) return
      // Faster than rows are added, so that it comes to an end.
      const end = Math.min(batch.ids.length, batch.done + Math.max(mergedInACommit, 2 * added))
      for (; batch.done < end; batch.done++) {
        const id = batch.ids[batch.done] as string
        const seq = fresh.get(id)
        if (seq === undefined) continue
        merge.run(id, seq)
        fresh.delete(id)
      }
      if (batch.done < batch.ids.length) return
      setMergedTo.run(batch.lastSeq)
      batch = null
    },

    /** After a transaction was rolled back: what it added and merged is not there. */
    forget (): void {
      isLoaded = false
    },
  }
}

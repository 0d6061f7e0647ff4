import type { Confirmation, EditFilter } from '../outbox/outbox.ts'

/** A filter as it stands in a URL. */
export type FilterFields = Omit<EditFilter, 'confirmation'> & { readonly confirmation?: Confirmation | undefined }

/** A page counts what a filter matches no further than this, and redelivers no more at a time. */
export const MOST = 10_000

/** A page's address with its filter. */
export function address (path: string, fields: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined))
  return query.size === 0 ? path : `${path}?${query}`
}

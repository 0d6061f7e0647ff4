import { hash, timingSafeEqual } from 'node:crypto'

/** Compares two secrets in constant time; neither length nor place of a difference shows. */
export function isSameSecret (a: string, b: string): boolean {
  return timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'))
}

import { hash } from 'node:crypto'
import type { HmacAlgorithm } from './scheme.ts'

const SIZES = {
  sha1: { block: 64, digest: 20 },
  sha256: { block: 64, digest: 32 },
  sha512: { block: 128, digest: 64 },
}

/** The HMAC of a preamble and a body that follows it. */
export type Hmac = (preamble: string, body: Buffer) => string

/**
 * HMAC by its definition (RFC 2104), with the two blocks that only depend on the key made once. `createHmac` makes an object for each message,
 * which the engine must track and collect: that took twice as long as the two digests.
 */
export function createHmac (algorithm: HmacAlgorithm, key: Buffer, encoding: 'hex' | 'base64'): Hmac {
  const { block, digest } = SIZES[algorithm]
  const blockKey = key.length > block ? hash(algorithm, key, 'buffer') : key
  const inner = Buffer.alloc(block, 0x36)
  const outer = Buffer.alloc(block + digest, 0x5c)
  for (const [index, byte] of blockKey.entries()) {
    inner[index] = 0x36 ^ byte
    outer[index] = 0x5c ^ byte
  }
  return (preamble, body) => {
    // A string of bytes, because a Buffer of its own for the inner digest takes as long as the digest.
    outer.write(hash(algorithm, Buffer.concat([inner, Buffer.from(preamble), body]), 'latin1'), block, 'latin1')
    return hash(algorithm, outer, encoding)
  }
}

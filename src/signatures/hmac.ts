import { hash } from 'node:crypto'

const BLOCK_BYTES = 64
const DIGEST_BYTES = 32

/** The HMAC-SHA-256 of a preamble and a body that follows it, in base64. */
export type Hmac = (preamble: string, body: Buffer) => string

/**
 * HMAC by its definition (RFC 2104), with the two blocks that only depend on the key made once. `createHmac` makes an object for each message,
 * which the engine must track and collect: that took twice as long as the two digests.
 */
export function createHmacSha256 (key: Buffer): Hmac {
  const blockKey = key.length > BLOCK_BYTES ? hash('sha256', key, 'buffer') : key
  const inner = Buffer.alloc(BLOCK_BYTES, 0x36)
  const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES, 0x5c)
  for (const [index, byte] of blockKey.entries()) {
    inner[index] = 0x36 ^ byte
    outer[index] = 0x5c ^ byte
  }
  return (preamble, body) => {
    // A string of bytes, because a Buffer of its own for the inner digest takes as long as the digest.
    outer.write(hash('sha256', Buffer.concat([inner, Buffer.from(preamble), body]), 'latin1'), BLOCK_BYTES, 'latin1')
    return hash('sha256', outer, 'base64')
  }
}

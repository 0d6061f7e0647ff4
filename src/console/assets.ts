import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

interface Asset {
  readonly type: string
  readonly body: Buffer
  readonly digest: string
}

const TYPES = { style: ['console.css', 'text/css; charset=utf-8'], script: ['console.js', 'text/javascript; charset=utf-8'], icon: ['icon.svg', 'image/svg+xml'] } as const

/** Reads the files of the pages. An address has the digest of its file, so that a browser may keep it. */
export function readAssets (): { readonly files: ReadonlyMap<string, Asset>, readonly addresses: Readonly<Record<keyof typeof TYPES, string>> } {
  const files = new Map<string, Asset>()
  const addresses = Object.entries(TYPES).map(([part, [name, type]]) => {
    const body = readFileSync(new URL(name, import.meta.url))
    const digest = createHash('sha256').update(body).digest('base64url').slice(0, 12)
    files.set(name, { type, body, digest })
    return [part, `/console/assets/${name}?${digest}`]
  })
  return { files, addresses: Object.fromEntries(addresses) }
}

import { isIP } from 'node:net'
import { z } from 'zod'
import type { ConnectorConfig } from '../forward/connector.ts'
import { createAddressRule } from '../forward/address-rule.ts'
import { isAddressRange } from './variables.ts'

const URL_REMEDY = 'must be the address at which the connector takes webhooks, such as https://connector.example/hook, without user:password@ and without #'
const RANGE_REMEDY = 'must be an address or a range of them, such as 10.0.0.5 or 172.16.0.0/12'

/** What a channel in front of a connector says of it. */
export const upstreamKeys = {
  upstream: z.string(URL_REMEDY).max(2000, URL_REMEDY).refine(isWebhookUrl, URL_REMEDY).optional(),
  upstreamEdits: z.boolean('must be true or false').optional(),
  upstreamHandshakes: z.boolean('must be true or false').optional(),
  upstreamPrivate: z.array(z.string(RANGE_REMEDY).refine(isAddressRange, RANGE_REMEDY), 'must be a list of addresses').max(100, 'must have at most 100 addresses').optional(),
  upstreamTimeoutMs: z.int().min(100, 'must be from 100 to 120000').max(120_000, 'must be from 100 to 120000').optional(),
}

export type UpstreamEntry = z.output<z.ZodObject<typeof upstreamKeys>>

const DEPENDENT = ['upstreamEdits', 'upstreamHandshakes', 'upstreamPrivate', 'upstreamTimeoutMs'] as const

/** The connector behind a channel, or null when there is none. `name` begins each fault; none repeats the address, which may hold a secret. */
export function readUpstream (entry: UpstreamEntry, name: string, faults: string[]): ConnectorConfig | null {
  if (entry.upstream === undefined) {
    for (const key of DEPENDENT) if (entry[key] !== undefined) faults.push(`${name} has ${key} and no upstream`)
    return null
  }
  const privateRanges = entry.upstreamPrivate ?? []
  const url = new URL(entry.upstream)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // The addresses of a name are looked at when a connection is made.
  const isAllowed = isIP(host) === 0 ? url.protocol === 'https:' || privateRanges.length > 0 : createAddressRule({ url: url.href, privateRanges })(host)
  if (!isAllowed) {
    faults.push(url.protocol === 'https:'
      ? `${name}: upstream names ${host}, which is not public: if that is meant, name it in upstreamPrivate`
      : `${name}: upstream is http, which is only for addresses that upstreamPrivate names: the messenger's secret goes there`)
  }
  return {
    url: url.href,
    edits: entry.upstreamEdits ?? false,
    handshakes: entry.upstreamHandshakes ?? false,
    privateRanges,
    timeoutMs: entry.upstreamTimeoutMs ?? 30_000,
  }
}

function isWebhookUrl (value: string): boolean {
  if (!URL.canParse(value)) return false
  const url = new URL(value)
  return /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.hash === '' && !value.includes('#')
}

import { isIP } from 'node:net'
import { z } from 'zod'
import type { ConnectorConfig } from '../forward/connector.ts'
import { createAddressRule } from '../forward/address-rule.ts'
import { isAddressRange } from './variables.ts'

const URL_REMEDY = 'must be the URL at which the connector receives webhooks, such as https://connector.example/hook, without user:password@ and without #'
const RANGE_REMEDY = 'must be an IP address or a range, such as 10.0.0.5 or 172.16.0.0/12'

/** The keys of a channel in front of a connector. */
export const upstreamKeys = {
  upstream: z.string(URL_REMEDY).max(2000, URL_REMEDY).refine(isWebhookUrl, URL_REMEDY).optional()
    .meta({ id: 'upstream', description: 'the URL of the connector that gets every webhook that is not only edits' }),
  upstreamEdits: z.boolean('must be true or false').optional()
    .meta({ id: 'upstreamEdits', description: 'the connector also gets webhooks with only edits' }),
  upstreamHandshakes: z.boolean('must be true or false').optional()
    .meta({ id: 'upstreamHandshakes', description: 'the connector answers the messenger\'s questions' }),
  upstreamPrivate: z.array(z.string(RANGE_REMEDY).refine(isAddressRange, RANGE_REMEDY), 'must be a list of addresses').max(100, 'must have at most 100 addresses').optional()
    .meta({ id: 'upstreamPrivate', description: 'the private addresses and ranges that the connector may have' }),
  upstreamTimeoutMs: z.int().min(100, 'must be from 100 to 120000').max(120_000, 'must be from 100 to 120000').optional()
    .meta({ id: 'upstreamTimeoutMs', description: 'how long the connector may take to answer; 30000 if absent' }),
}

type UpstreamEntry = z.output<z.ZodObject<typeof upstreamKeys>>

const DEPENDENT = ['upstreamEdits', 'upstreamHandshakes', 'upstreamPrivate', 'upstreamTimeoutMs'] as const

/** The connector behind a channel, or null. Each fault begins with `name`; none repeats the URL, which may contain a secret. */
export function readUpstream (entry: UpstreamEntry, name: string, faults: string[]): ConnectorConfig | null {
  if (entry.upstream === undefined) {
    for (const key of DEPENDENT) if (entry[key] !== undefined) faults.push(`${name} has ${key} but no upstream: add upstream or remove ${key}`)
    return null
  }
  const privateRanges = entry.upstreamPrivate ?? []
  const url = new URL(entry.upstream)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // The addresses of a name are checked for each connection.
  const isAllowed = isIP(host) === 0 ? url.protocol === 'https:' || privateRanges.length > 0 : createAddressRule({ url: url.href, privateRanges })(host)
  if (!isAllowed) {
    faults.push(url.protocol === 'https:'
      ? `${name}: upstream names ${host}, which is not public: if that is intended, add it to upstreamPrivate`
      : `${name}: upstream is http, which is only for addresses in upstreamPrivate, because the messenger's secret is sent there: use https or add the address`)
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

import type { WebhookRequest } from '../messengers/messenger.ts'

/**
 * The upstream's URL, which a sender cannot change. Only the query of a GET is appended, because it contains the question; parameters that the
 * upstream already has are left out.
 */
export function targetUrl (upstream: string, { method, query }: Pick<WebhookRequest, 'method' | 'query'>): URL {
  const url = new URL(upstream)
  if (method !== 'GET') return url
  const own = new Set([...url.searchParams.keys()].map(canonicalName))
  const asked = new URLSearchParams([...new URLSearchParams(query)].filter(([name]) => !own.has(canonicalName(name))))
  const parts = [url.search.slice(1), asked.toString()].filter(part => part !== '')
  url.search = parts.join('&')
  return url
}

/** To PHP, `hub.mode`, `hub mode` and `hub_mode` are one parameter, and `a[b]` is a part of `a`. */
function canonicalName (name: string): string {
  return name.trimStart().replace(/\[.*$/s, '').replace(/[. ]/g, '_')
}

/** How a request arrived, for the connector. */
export interface Arrival {
  /** Alternating names and values, unchanged. */
  readonly rawHeaders: readonly string[]
  /** Such as `1.1`. */
  readonly httpVersion: string
  /** The sender's address and the requested host and protocol, by TRUST_PROXY. */
  readonly address: string
  readonly host: string
  readonly protocol: string
}

export interface IncomingWebhook extends WebhookRequest {
  readonly arrival: Arrival
}

type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Fields of one connection, never forwarded, whether or not Connection names them (RFC 9110, sections 7.6.1 and 11.7). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings',
])

/** Fields that are replaced or dropped: the connector has another host, and gets the body in one piece. */
const REWRITTEN: ReadonlySet<string> = new Set(['host', 'content-length', 'expect'])

/**
 * Fields by which proxies tell the sender's address: `X-Forwarded-…`, `X-Real-IP`, `True-Client-IP`, `CF-Connecting-IPv6`, `X-Azure-ClientIP`,
 * `Remote-Addr`, `X-Envoy-External-Address` and so on. A connector may trust any of them.
 */
const SENDER = /^x-forward|(^|-)forwarded(-for(-ip)?)?$|(^|-)(client|socket)?(ip(v[46])?|addr)$|^(cloudfront-viewer|x-envoy-external)-address$/

/**
 * The header fields for the connector: alternating names and values with their original order, repetitions and spelling. The fields about the
 * sender (RFC 7239) are written again from `arrival`, because a sender could forge them.
 */
export function toConnectorHeaders (arrival: Arrival, pseudonym: string): string[] {
  const { rawHeaders, address, host, protocol, httpVersion } = arrival
  const isDropped = hopByHop(valuesOf(rawHeaders, 'connection'))
  const kept = pairs(rawHeaders).filter(([name]) => {
    const known = canonicalField(name)
    return !isDropped(known) && !REWRITTEN.has(known) && !SENDER.test(known)
  })
  return [
    ...kept.flat(),
    'X-Forwarded-For', address, 'X-Forwarded-Host', host, 'X-Forwarded-Proto', protocol,
    'Forwarded', `for=${address.includes(':') ? `"[${address}]"` : address};host="${host.replace(/["\\]/g, '\\$&')}";proto=${protocol}`,
    'Via', `${httpVersion} ${pseudonym}`,
  ]
}

/** Whether this channel has already forwarded the request: an upstream that leads back to its own channel would loop endlessly. */
export function hasComeBack ({ rawHeaders }: Arrival, pseudonym: string): boolean {
  return valuesOf(rawHeaders, 'via').flatMap(value => value.split(',')).some(entry => entry.trim().split(/[ \t]+/)[1] === pseudonym)
}

/** The connector's header fields for the messenger, without the length, which Fastify sets. */
export function toMessengerHeaders (headers: AnswerHeaders): Record<string, string | string[]> {
  const isDropped = hopByHop([headers.connection ?? []].flat())
  return Object.fromEntries(Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || name === 'content-length' || isDropped(canonicalField(name)) ? [] : [[name, value]]))
}

/** To CGI, PHP and WSGI, `X_Forwarded_For` and `X.Forwarded.For` are `X-Forwarded-For`. */
function canonicalField (name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-')
}

/** Takes canonical names. */
function hopByHop (connection: readonly string[]): (name: string) => boolean {
  const named = new Set(connection.flatMap(value => value.split(',')).map(option => canonicalField(option.trim())))
  return name => HOP_BY_HOP.has(name) || named.has(name)
}

function valuesOf (rawHeaders: readonly string[], wanted: string): string[] {
  return pairs(rawHeaders).filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
}

function pairs (rawHeaders: readonly string[]): Array<[name: string, value: string]> {
  const list: Array<[string, string]> = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) list.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? ''])
  return list
}

import type { WebhookRequest } from '../messengers/messenger.ts'

/**
 * Where a request goes: the upstream's own address, path and query, which nothing that a sender writes can change. Only a question asked by GET
 * is what stands in its query; that is added behind, without the parameters that the upstream has itself.
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

/** PHP takes `hub.mode`, `hub mode` and `hub_mode` for one parameter, and `a[b]` for a part of `a`. */
function canonicalName (name: string): string {
  return name.trimStart().replace(/\[.*$/s, '').replace(/[. ]/g, '_')
}

/** How a request came, for whoever it is passed on to. */
export interface Arrival {
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[]
  /** Such as `1.1`. */
  readonly httpVersion: string
  /** The sender's address and the address that it asked, as far as TRUST_PROXY lets them be known. */
  readonly address: string
  readonly host: string
  readonly protocol: string
}

export interface IncomingWebhook extends WebhookRequest {
  readonly arrival: Arrival
}

type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Fields about one connection, which end with it whether or not Connection names them (RFC 9110, sections 7.6.1 and 11.7). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings',
])

/** Fields that are made anew for the connector: it has another name, gets its body in one piece, and believes what it reads about the sender. */
const REWRITTEN: ReadonlySet<string> = new Set(['host', 'content-length', 'expect', 'forwarded', 'x-real-ip'])

/**
 * The header fields for the connector, names and values in turn, in the order, number and spelling in which they came. Who sent the
 * request is told anew (RFC 7239): what a sender writes there itself is hearsay, unless TRUST_PROXY believes it, and then `arrival` knows.
 */
export function toConnectorHeaders (arrival: Arrival, pseudonym: string): string[] {
  const { rawHeaders, address, host, protocol, httpVersion } = arrival
  const isDropped = hopByHop(valuesOf(rawHeaders, 'connection'))
  const kept = pairs(rawHeaders).filter(([name]) => {
    const lowerCase = name.toLowerCase()
    return !isDropped(lowerCase) && !REWRITTEN.has(lowerCase) && !lowerCase.startsWith('x-forwarded-')
  })
  return [
    ...kept.flat(),
    'X-Forwarded-For', address, 'X-Forwarded-Host', host, 'X-Forwarded-Proto', protocol,
    'Forwarded', `for=${address.includes(':') ? `"[${address}]"` : address};host="${host.replace(/["\\]/g, '\\$&')}";proto=${protocol}`,
    'Via', `${httpVersion} ${pseudonym}`,
  ]
}

/** Whether the request has come through here before: an upstream that leads back to its own channel would go round for ever. */
export function hasComeBack ({ rawHeaders }: Arrival, pseudonym: string): boolean {
  return valuesOf(rawHeaders, 'via').flatMap(value => value.split(',')).some(entry => entry.trim().split(/[ \t]+/)[1] === pseudonym)
}

/** The header fields of the connector's answer as they go to the messenger. Its length is written again. */
export function toMessengerHeaders (headers: AnswerHeaders): Record<string, string | string[]> {
  const isDropped = hopByHop([headers.connection ?? []].flat())
  return Object.fromEntries(Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || name === 'content-length' || isDropped(name.toLowerCase()) ? [] : [[name, value]]))
}

function hopByHop (connection: readonly string[]): (name: string) => boolean {
  const named = new Set(connection.flatMap(value => value.split(',')).map(option => option.trim().toLowerCase()))
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

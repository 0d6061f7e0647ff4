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

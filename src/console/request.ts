/*
 * The headers of the console's requests and answers.
 */

/** No exception for inline code: styles and the script are files. */
export const CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const MAX_FIELDS = 20
const MAX_PATH = 2000

/** The values of the cookies with this name. Another program on the host may have set one of them. */
export function cookiesOf (header: string | undefined, name: string): string[] {
  return (header ?? '').split(';').flatMap(part => {
    const at = part.indexOf('=')
    return at > 0 && part.slice(0, at).trim() === name ? [part.slice(at + 1).trim()] : []
  })
}

/** The first value of each field. Null for more fields than any form of ours has: to parse 3 MB of them takes a minute. */
export function readForm (body: string): Readonly<Record<string, string>> | null {
  return body.split('&', MAX_FIELDS + 1).length > MAX_FIELDS ? null : Object.fromEntries([...new URLSearchParams(body)].reverse())
}

interface Source {
  /** The headers `sec-fetch-site` and `origin`. */
  readonly site: string | undefined
  readonly origin: string | undefined
  /** The host, with its port, that the request was made to. */
  readonly host: string
  readonly publicUrl: string | null
}

/**
 * Whether one of our own pages sent a form. A browser says so in `Sec-Fetch-Site`, but only over https and on this machine. Elsewhere its `Origin` must be
 * ours: PUBLIC_URL, or the host that was asked, because an operator may reach the relay past its proxy.
 */
export function isOwnForm ({ site, origin, host, publicUrl }: Source): boolean {
  if (site !== undefined) return site === 'same-origin'
  if (origin === undefined || !URL.canParse(origin)) return false
  const sender = new URL(origin)
  if (sender.origin !== origin) return false
  const asked = `${sender.protocol}//${host}`
  return (publicUrl !== null && origin === new URL(publicUrl).origin) || (host !== '' && URL.canParse(asked) && origin === new URL(asked).origin)
}

/** A page of the console to go to after a form, or its first page if the form names anything else. A browser takes `%2e%2e` for `..`. */
export function ownPath (path = ''): string {
  if (path.length > MAX_PATH || !/^\/console(?:[/?][\w\-./?&=%+:~]*)?$/.test(path)) return '/console'
  const { pathname } = new URL(path, 'http://console')
  return pathname === '/console' || pathname.startsWith('/console/') ? path : '/console'
}

/** The best of `known` that an `Accept-Language` asks for; the first one if it asks for none. */
export function preferred<Language extends string> (header: string | undefined, known: readonly [Language, ...Language[]]): Language {
  const asked = (header ?? '').slice(0, 200).split(',').map((part, index) => {
    const [tag = '', ...parameters] = part.trim().toLowerCase().split(';')
    const weight = parameters.map(each => /^\s*q=([\d.]+)\s*$/.exec(each)?.[1]).find(each => each !== undefined)
    return { language: known.find(language => tag === language || tag.startsWith(`${language}-`)), weight: Number(weight ?? 1), index }
  }).filter(({ language, weight }) => language !== undefined && weight > 0)
  asked.sort((a, b) => b.weight - a.weight || a.index - b.index)
  return asked[0]?.language ?? known[0]
}

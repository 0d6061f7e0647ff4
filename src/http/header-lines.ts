const NAME = /^[!#$%&'*+.^_`|~\w-]+$/

/** Headers that an operator has written as `name: value`, or null if one is not. */
export function readHeaderLines (lines: readonly string[]): Record<string, string> | null {
  const headers = lines.map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, Math.max(0, colon)).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  return headers.every(([name]) => NAME.test(name)) ? Object.fromEntries(headers) : null
}

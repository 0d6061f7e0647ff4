/** Headers that an operator has written as `name: value`, or null if one is not. */
export function readHeaderLines (lines: readonly string[]): Record<string, string> | null {
  const headers = lines.map(line => /^([^\s:]+):\s*(.*?)\s*$/.exec(line))
  return headers.includes(null) ? null : Object.fromEntries(headers.map(header => [header?.[1]?.toLowerCase(), header?.[2]]))
}

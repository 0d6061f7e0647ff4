/**
 * What can happen to an event on its way to the handlers.
 * `late` arrives `afterMs` of the sandbox's time later, `foreign` names another connector, `wrong-key` has another `key` in the handler's
 * address, and `older-version` carries the text that the message had before.
 */
export const eventFaultNames = ['lost', 'late', 'twice', 'foreign', 'wrong-key', 'older-version'] as const

/** Strikes the next `times` events of that name (`*`: any). */
export interface EventFault {
  readonly event: string
  readonly fault: typeof eventFaultNames[number]
  readonly times: number
  readonly afterMs: number
}

export const foreignConnector = 'another_connector'

export function withWrongKey (handler: string): string {
  const url = new URL(handler)
  url.searchParams.set('key', `${url.searchParams.get('key') ?? ''}x`)
  return url.href
}

import type { SessionResult } from '../../../src/bitrix24/session.ts'

/** Bitrix24 ends a request after this long: what is not applied by then never is. */
const REQUEST_LIMIT_MS = 60_000

/** A message as a call carries it; the chat's name holds the tag by which a simulation knows the edit. */
interface Item {
  readonly message: { readonly id: string, readonly text: string }
  readonly chat: { readonly name: string }
}

export interface Shown {
  readonly tag: string
  readonly text: string
}

/** A call that the portal has received and may still apply, whether or not its client is still there. */
interface Received {
  readonly items: readonly Item[]
  readonly receivedAt: number
  client: 'waits' | 'gone'
}

export type Ending = 'ok' | 'answer-lost' | 'cut' | 'late' | 'refused' | 'partly' | 'too-many'

export type ModelPortal = ReturnType<typeof createModelPortal>

/**
 * What a portal does with `imconnector.update.messages`, in memory: it applies a call before, with or without its answer, and a call whose
 * client has gone whenever it likes within its 60 s. `onShow` sees each change of a text.
 */
export function createModelPortal (now: () => number, onShow: (message: string, shown: Shown) => void) {
  const history = new Map<string, Shown[]>()
  const underWay = new Set<Received>()

  function apply (call: Received, count = call.items.length): void {
    underWay.delete(call)
    for (const { message, chat } of call.items.slice(0, count)) {
      const shown = { tag: chat.name, text: message.text }
      history.set(message.id, [...history.get(message.id) ?? [], shown])
      onShow(message.id, shown)
    }
  }

  return {
    history: (message: string): readonly Shown[] => history.get(message) ?? [],

    receive (params: Readonly<Record<string, unknown>>): Received {
      const call: Received = { items: params.MESSAGES as Item[], receivedAt: now(), client: 'waits' }
      underWay.add(call)
      return call
    },

    end (call: Received, ending: Ending): SessionResult {
      const told = { requests: 1, durationMs: 5 }
      const lost: SessionResult = { kind: 'unknown', cause: 'UND_ERR_SOCKET', lastByteAt: call.receivedAt, retryAfterMs: null, ...told }
      const refused = (status: number, code: string): SessionResult => ({ kind: 'refused', status, code, words: code, retryAfterMs: null, ...told })
      switch (ending) {
        case 'ok':
          if (underWay.has(call)) apply(call)
          return { kind: 'answered', status: 200, time: null, result: { SUCCESS: true, DATA: { RESULT: call.items.map(() => ({ SUCCESS: true, user: '1' })) } }, ...told }
        case 'answer-lost':
          if (underWay.has(call)) apply(call)
          return lost
        case 'late':
          call.client = 'gone'
          return lost
        case 'cut':
          underWay.delete(call)
          return lost
        case 'refused':
          underWay.delete(call)
          return refused(500, 'INTERNAL_SERVER_ERROR')
        case 'partly':
          if (underWay.has(call)) apply(call, Math.floor(call.items.length / 2))
          return refused(500, 'INTERNAL_SERVER_ERROR')
        case 'too-many':
          underWay.delete(call)
          return refused(503, 'QUERY_LIMIT_EXCEEDED')
      }
    },

    /** The relay has crashed: nobody waits for an answer any more. */
    abandon (): void {
      for (const call of underWay) call.client = 'gone'
    },

    /** What the portal may do by itself at this moment. */
    lateCalls: (): ReadonlyArray<() => void> => [...underWay].filter(call => call.client === 'gone').map(call => () => apply(call)),

    /** Applies what must have been applied by `time`. */
    catchUp (time: number): void {
      for (const call of [...underWay]) if (call.receivedAt + REQUEST_LIMIT_MS <= time) apply(call)
    },
  }
}

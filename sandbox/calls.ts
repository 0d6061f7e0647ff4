/** One call in the portal's log. `status` and `error` are null until the answer. */
export interface Call {
  readonly atMs: number
  readonly method: string
  readonly messages: number
  application: string | null
  status: number | null
  error: string | null
  fault: string | null
  durationMs: number | null
}

export interface Calls {
  add (call: Pick<Call, 'atMs' | 'method' | 'messages'>): Call
  list (): readonly Call[]
  clear (): void
}

const kept = 20_000

/** The newest 20,000 calls. Older ones are removed in blocks, to keep `add` cheap. */
export function createCalls (): Calls {
  let calls: Call[] = []
  return {
    add (call) {
      const entry: Call = { ...call, application: null, status: null, error: null, fault: null, durationMs: null }
      calls.push(entry)
      if (calls.length >= kept * 1.25) calls = calls.slice(-kept)
      return entry
    },
    list: () => calls.slice(-kept),
    clear () {
      calls = []
    },
  }
}

import { createNewest, type Newest } from './newest.ts'

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

export interface Calls extends Omit<Newest<Call>, 'add'> {
  add (call: Pick<Call, 'atMs' | 'method' | 'messages'>): Call
}

export function createCalls (): Calls {
  const calls = createNewest<Call>()
  return {
    ...calls,
    add: call => calls.add({ ...call, application: null, status: null, error: null, fault: null, durationMs: null }),
  }
}

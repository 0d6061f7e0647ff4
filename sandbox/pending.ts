/** Faults that wait for what they strike. Each one strikes `times` times, the oldest first. */
export interface Pending<Fault> {
  add (faults: readonly Fault[]): void
  clear (): void
  /** The oldest fault that matches; counts one of its `times`. */
  take (matches: (fault: Fault) => boolean): Fault | undefined
  list (): readonly Fault[]
}

export function createPending<Fault extends { readonly times: number }> (): Pending<Fault> {
  let pending: Fault[] = []

  return {
    add (faults) {
      pending.push(...faults)
    },
    clear () {
      pending = []
    },
    take (matches) {
      const at = pending.findIndex(matches)
      const fault = pending[at]
      if (fault === undefined) return undefined
      const left = fault.times - 1
      pending.splice(at, 1, ...left > 0 ? [{ ...fault, times: left }] : [])
      return fault
    },
    list: () => pending,
  }
}

const minuteMs = 60_000
const windowMinutes = 10

/** Seconds one application spent in one method over the last ten minutes; a call of 0.1 s or less is free. */
export interface OperatingTime {
  add (application: string, method: string, seconds: number): void
  /** Sets the time spent, for every application. */
  set (method: string, seconds: number): void
  spent (application: string, method: string): number
  /** Unix seconds at which the oldest minute that counts leaves the window. */
  resetAt (application: string, method: string): number
  reset (): void
}

export const operatingLimitSeconds = 480
const freeSeconds = 0.1

export function createOperatingTime (now: () => number): OperatingTime {
  const minutes = new Map<string, Map<number, number>>()
  const forAll = '*'

  function live (key: string): Array<[number, number]> {
    const oldest = Math.floor(now() / minuteMs) - windowMinutes + 1
    const found = minutes.get(key)
    for (const minute of found?.keys() ?? []) {
      if (minute < oldest) found?.delete(minute)
    }
    return [...found ?? []]
  }

  function put (key: string, seconds: number): void {
    const minute = Math.floor(now() / minuteMs)
    const found = minutes.get(key) ?? new Map<number, number>()
    minutes.set(key, found.set(minute, (found.get(minute) ?? 0) + seconds))
  }

  const both = (application: string, method: string): Array<[number, number]> =>
    [...live(`${application} ${method}`), ...live(`${forAll} ${method}`)]

  return {
    add (application, method, seconds) {
      if (seconds > freeSeconds) put(`${application} ${method}`, seconds)
    },
    set (method, seconds) {
      for (const key of minutes.keys()) {
        if (key.endsWith(` ${method}`)) minutes.delete(key)
      }
      put(`${forAll} ${method}`, seconds)
    },
    spent: (application, method) => both(application, method).reduce((sum, [, seconds]) => sum + seconds, 0),
    resetAt (application, method) {
      const oldest = Math.min(Math.floor(now() / minuteMs), ...both(application, method).map(([minute]) => minute))
      return (oldest + windowMinutes) * 60
    },
    reset: () => minutes.clear(),
  }
}

import { createAlarm } from './alarm.ts'

/** Repeats `step`, which must not reject, until `stop`. It returns the milliseconds until its next run; `ring` shortens them. */
export function createLoop (step: () => Promise<number>) {
  const alarm = createAlarm()
  const halt = new AbortController()
  let running: Promise<void> = Promise.resolve()

  async function run (): Promise<void> {
    while (!halt.signal.aborted) await alarm.sleep(await step())
  }

  return {
    isStopped: (): boolean => halt.signal.aborted,

    ring: alarm.ring,

    start (): void {
      running = run()
    },

    /** Waits for the running step. */
    async stop (): Promise<void> {
      halt.abort()
      alarm.ring()
      await running
    },
  }
}

/** Milliseconds of the wall clock, for dates and signatures. It may jump while the process runs. */
export const wallClock = (): number => Date.now()

/** Milliseconds that start at the wall clock's time and never jump, for all waiting. */
export function processClock (): () => number {
  const offset = Date.now() - performance.now()
  return () => Math.floor(offset + performance.now())
}

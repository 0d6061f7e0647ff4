/** Milliseconds of the wall clock, for dates and signatures: it may be set while the process runs. */
export const wallClock = (): number => Date.now()

/** Milliseconds that begin at the wall clock's time and never jump, for everything that is waited for. */
export function processClock (): () => number {
  const offset = Date.now() - performance.now()
  return () => Math.floor(offset + performance.now())
}

/**
 * Waits for the end of the event loop's current turn. The requests of one turn then continue together, step by step, and each step's code
 * stays in the processor's caches: without this, 64 connections took a quarter more time.
 */
export function createTurn (): () => Promise<void> {
  let end: Promise<void> | null = null

  return () => {
    end ??= new Promise(resolve => {
      setImmediate(() => {
        end = null
        resolve()
      })
    })
    return end
  }
}

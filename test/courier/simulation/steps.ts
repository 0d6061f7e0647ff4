/** Something that is about to happen; `choice` decides between the ways in which it may. */
export interface Step {
  readonly run: (choice: number) => Promise<void>
}

export type Life = ReturnType<typeof createLife>

/**
 * One life of the relay, cut into steps: each effect on the world waits until the simulation lets it happen, so that they may come in any
 * order, and that a crash may come between any two. After `end` nothing of this life happens any more.
 */
export function createLife () {
  let waiting: Step[] = []
  let over = false

  function step<Result> (work: (choice: number) => Promise<Result> | Result): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      if (over) return
      waiting.push({ run: async choice => { await Promise.resolve(work(choice)).then(resolve, reject) } })
    })
  }

  return {
    step,

    /** A change of the database: a crash may come before it is committed, and between the commit and the word of it. */
    async durably<Result> (work: () => Promise<Result>): Promise<Result> {
      const result = await step(work)
      await step(() => {})
      return result
    },

    waiting: (): readonly Step[] => waiting,

    async run (index: number, choice: number): Promise<void> {
      const [chosen] = waiting.splice(index, 1)
      await chosen?.run(choice)
      await quiet()
    },

    end (): void {
      over = true
      waiting = []
    },
  }
}

/** Fulfilled when everything that the last step has set in motion has come to its next step. */
export async function quiet (): Promise<void> {
  await new Promise(resolve => setImmediate(resolve))
}

import type { Application } from '../applications.ts'

/** A handler that gets an event. `userId` is whose token the event carries; 0 is the user who causes it. */
export interface Binding {
  readonly id: number
  readonly application: Application
  /** In upper case. */
  readonly event: string
  readonly handler: string
  readonly userId: number
}

export interface Bindings {
  /** False if the application has the same handler for the same event and user. */
  add (binding: Omit<Binding, 'id'>): boolean
  list (): readonly Binding[]
  /** How many were removed. */
  remove (matches: (binding: Binding) => boolean): number
}

export function createBindings (): Bindings {
  let bindings: Binding[] = []
  let lastId = 0
  return {
    add (wanted) {
      const isBound = bindings.some(({ application, event, handler, userId }) =>
        application === wanted.application && event === wanted.event && handler === wanted.handler && userId === wanted.userId)
      if (!isBound) bindings.push({ id: ++lastId, ...wanted })
      return !isBound
    },
    list: () => bindings,
    remove (matches) {
      const before = bindings.length
      bindings = bindings.filter(binding => !matches(binding))
      return before - bindings.length
    },
  }
}

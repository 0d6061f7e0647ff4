/** One faulty field of a request: its JSON Pointer and what to change. */
export interface FieldFault {
  readonly pointer: string
  readonly detail: string
}

/** The sender's fault; the message says what to change. */
export class BadRequest extends Error {
  readonly faults: readonly FieldFault[]

  constructor (detail: string, faults: readonly FieldFault[] = []) {
    super(detail)
    this.name = 'BadRequest'
    this.faults = faults
  }
}

/** A time in the request is impossible by our clock. Either of the two may be wrong. */
export class ImpossibleTime extends BadRequest {}

/** Our clock may be wrong, so a request cannot be judged. Nothing was acknowledged; the sender should retry. */
export class ClockUnproven extends Error {
  override name = 'ClockUnproven'
}

/** The sender did not authenticate. The message never says which part of a secret was wrong. */
export class Unauthenticated extends Error {
  override name = 'Unauthenticated'
}

/** The request is not allowed for anyone. */
export class Forbidden extends Error {
  override name = 'Forbidden'
}

export class NotFound extends Error {
  override name = 'NotFound'
}

/** The sender exceeded its rate limit. */
export class TooManyRequests extends Error {
  readonly retryAfterS: number

  constructor (detail: string, retryAfterS: number) {
    super(detail)
    this.name = 'TooManyRequests'
    this.retryAfterS = retryAfterS
  }
}

/** The request contradicts the state of its target. */
export class Conflict extends Error {
  override name = 'Conflict'
}

/** The database cannot store durably now. Nothing was acknowledged; the sender should retry. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable'
}

/** The relay has no time for this now. Nothing was acknowledged; the sender should retry. */
export class Overloaded extends Error {
  override name = 'Overloaded'
}

/** The portal has not answered an operator's question. The message says why, and what to do. */
export class PortalSilent extends Error {
  override name = 'PortalSilent'
}

/** The process is stopping and accepts no more requests. */
export class ShuttingDown extends Error {
  override name = 'ShuttingDown'
}

/** The environment or a file that it names is wrong. `faults` lists every fault with its remedy. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor (faults: readonly string[]) {
    super(`the configuration has ${faults.length} fault${faults.length === 1 ? '' : 's'}:\n${faults.map(fault => `  - ${fault}`).join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
  }
}

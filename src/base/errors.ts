/** One faulty field of a request: where it stands (JSON Pointer) and what to change. */
export interface FieldFault {
  readonly pointer: string
  readonly detail: string
}

/** The sender's fault. `code` is a stable name, `detail` says what to change. */
export class BadRequest extends Error {
  readonly faults: readonly FieldFault[]

  constructor (detail: string, faults: readonly FieldFault[] = []) {
    super(detail)
    this.name = 'BadRequest'
    this.faults = faults
  }
}

/** The sender could not prove who it is. The detail never says which part of a secret was wrong. */
export class Unauthenticated extends Error {
  override name = 'Unauthenticated'
}

/** The request is understood and not allowed, whoever sends it. */
export class Forbidden extends Error {
  override name = 'Forbidden'
}

export class NotFound extends Error {
  override name = 'NotFound'
}

/** This sender has asked too often; it may ask again after a while. */
export class TooManyRequests extends Error {
  readonly retryAfterS: number

  constructor (detail: string, retryAfterS: number) {
    super(detail)
    this.name = 'TooManyRequests'
    this.retryAfterS = retryAfterS
  }
}

/** The request contradicts the state of what it is about. */
export class Conflict extends Error {
  override name = 'Conflict'
}

/** The database cannot make a write durable now. Nothing was acknowledged; the sender should repeat. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable'
}

/** The machine has no time for this now. Nothing was acknowledged; the sender should repeat. */
export class Overloaded extends Error {
  override name = 'Overloaded'
}

/** The process is stopping and takes nothing more. */
export class ShuttingDown extends Error {
  override name = 'ShuttingDown'
}

/** The environment or a file named by it is wrong; `faults` names every variable with its remedy. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor (faults: readonly string[]) {
    super(`the configuration has ${faults.length} fault${faults.length === 1 ? '' : 's'}:\n${faults.map(fault => `  - ${fault}`).join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
  }
}

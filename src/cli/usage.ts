import type { CommanderError } from 'commander'

/**
 * For commands whose exit code 1 is an answer: a faulty command line exits with 2. Throws the error, which commander has already printed. Help and
 * version exit with 0.
 */
export function exitWithUsage (exitWith: (code: number) => void): (error: CommanderError) => never {
  return error => {
    exitWith(error.exitCode === 0 ? 0 : 2)
    throw error
  }
}

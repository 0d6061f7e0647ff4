import { variables, type Values, type Variable, type VariableName } from './variables.ts'

export type Environment = Readonly<Record<string, string | undefined>>
export type ReadFile = (path: string) => string

/** The text of a variable, or of the file in NAME_FILE. Empty means unset. Adds faults to the list. */
export function readText (name: string, mayBeFile: boolean, env: Environment, readFile: ReadFile, faults: string[]): string | null {
  const text = env[name]?.trim() || null
  const path = mayBeFile ? env[`${name}_FILE`] || null : null
  if (path === null) return text
  if (text !== null) {
    faults.push(`${name} and ${name}_FILE are both set: keep one`)
    return null
  }
  try {
    return readFile(path).trim() || null
  } catch (error) {
    faults.push(`${name}_FILE names ${path}, which cannot be read (${errorCode(error)})`)
    return null
  }
}

export function errorCode (error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/** Every variable by its name. A faulty one gets its default or null, so one start reports all faults. */
export function readValues (env: Environment, readFile: ReadFile, faults: string[]): Values {
  const entries = Object.entries<Variable<unknown>>(variables).map(([name, { schema, fallback, secret }]) => {
    const text = readText(name, secret, env, readFile, faults)
    if (text !== null) {
      const parsed = schema.safeParse(text)
      if (parsed.success) return [name, parsed.data]
      faults.push(`${name} ${parsed.error.issues[0]?.message}${secret ? '' : ` (it is ${JSON.stringify(text)})`}`)
    }
    return [name, fallback === null ? null : schema.parse(fallback)]
  })
  return Object.fromEntries(entries) as Values
}

/** Reports misspelt names. Only those that begin with BITRIX24_: the environment also has other programs' variables. */
export function findUnknownNames (env: Environment, faults: string[]): void {
  const names = Object.entries<Variable<unknown>>(variables).flatMap(([name, { secret }]) => secret ? [name, `${name}_FILE`] : [name]).filter(isOurs)
  for (const name of Object.keys(env).filter(isOurs)) {
    if (!names.includes(name)) faults.push(`${name} is not a variable of the relay: use one of ${names.join(', ')}`)
  }
}

function isOurs (name: string): boolean {
  return name.startsWith('BITRIX24_')
}

export function isSet (name: VariableName, env: Environment): boolean {
  return Boolean(env[name]?.trim() || env[`${name}_FILE`])
}

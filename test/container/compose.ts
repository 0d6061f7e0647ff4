import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { parse } from 'yaml'

const root = join(import.meta.dirname, '../..')

export interface Service {
  readonly profiles?: readonly string[]
  readonly build?: { readonly context: string, readonly target: string }
  readonly command?: readonly string[]
  readonly deploy?: { readonly replicas: string }
  readonly env_file?: ReadonlyArray<{ readonly path: string, readonly required: boolean }>
  readonly environment?: Readonly<Record<string, string>> | readonly string[]
  readonly depends_on?: Readonly<Record<string, unknown>> | readonly string[]
  readonly network_mode?: string
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly tmpfs?: readonly string[]
  readonly restart?: string
  readonly stop_grace_period?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly cap_add?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly mem_limit?: string
  readonly pids_limit?: number
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}

/** What Compose makes of docker-compose.yml in a project whose `.env` says this. */
export function readCompose (env: Readonly<Record<string, string>>): Compose {
  return interpolate(parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }), env) as Compose
}

/** The services that `docker compose [--profile <profile>] up` starts. */
export function enabledServices (compose: Compose, profile?: string): Map<string, Service> {
  return new Map(Object.entries(compose.services).filter(([, { profiles, deploy }]) =>
    (profiles === undefined || (profile !== undefined && profiles.includes(profile))) && Number(deploy?.replicas ?? 1) > 0))
}

/** A container's environment: its files in their order, then what the service itself says. */
export function containerEnv (service: Service, dotEnv: Readonly<Record<string, string>>): Record<string, string> {
  const env: Record<string, string> = {}
  for (const { path, required } of service.env_file ?? []) {
    if (path === '.env') Object.assign(env, dotEnv)
    else Object.assign(env, readEnvFile(path, required))
  }
  if (Array.isArray(service.environment)) throw new Error('a list takes its values from the project, which this does not do')
  return Object.assign(env, service.environment)
}

export function readEnvFile (path: string, required = true): Record<string, string> {
  try {
    return parseEnv(readFileSync(join(root, path), 'utf8')) as Record<string, string>
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** The forms of Compose's interpolation that the file uses; another one is left as it is, for a test to notice. */
function interpolate (value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') {
    const inner = value.replace(/\$\{(\w+)(:-|:\+|\+)([^${}]*)\}/g, (_all, name: string, operator: string, word: string) => {
      const set = env[name]
      if (operator === ':-') return set === undefined || set === '' ? word : set
      return set === undefined || (operator === ':+' && set === '') ? '' : word
    })
    // The word may hold another variable.
    return inner === value ? value : interpolate(inner, env)
  }
  if (Array.isArray(value)) return value.map(item => interpolate(item, env))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolate(item, env)]))
  }
  return value
}

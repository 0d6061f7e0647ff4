import { z } from 'zod'
import { fileSchema } from './channels.ts'

const LIMITS = ['pattern', 'minLength', 'maxLength', 'enum', 'const']

/**
 * The JSON Schema of a CHANNELS_FILE, for editors. It says less than the reader, which also checks what no schema can say. A text that names a
 * variable may stand for any text, because the reader replaces `${NAME}` first. A variable could name the kind of a channel too, so one channel may
 * fit several kinds.
 */
export function channelsJsonSchema (): object {
  const { $defs, ...schema } = JSON.parse(JSON.stringify(z.toJSONSchema(fileSchema, { io: 'input' })), allowVariables) as Record<string, object>
  const variable = { description: 'names a variable of the environment, a dollar sign and its name in braces, which its value replaces', type: 'string', pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}' }
  return { ...schema, $defs: { ...$defs, variable } }
}

/** For each part of a JSON Schema. */
function allowVariables (_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const { description, default: fallback, oneOf, ...rest } = value as Record<string, unknown>
  const outside = { description, default: fallback }
  if (oneOf !== undefined) return { ...outside, ...rest, anyOf: oneOf }
  if (rest.type !== 'string' || !LIMITS.some(limit => Object.hasOwn(rest, limit))) return value
  return { ...outside, anyOf: [rest, { $ref: '#/$defs/variable' }] }
}

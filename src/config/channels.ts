import { z } from 'zod'
import type { UserField, AddressRules } from '../edit/address.ts'
import type { IdTemplates, MessengerModule } from '../messengers/messenger.ts'
import { messengers, type MessengerName } from '../messengers/registry.ts'
import { errorCode, readText, type Environment, type ReadFile } from './environment.ts'
import { readUpstream, upstreamKeys } from './upstream.ts'
import { connectorSchema, lineSchema } from './variables.ts'
import type { ConnectorConfig } from '../forward/connector.ts'

/** One configured source: a messenger, its secrets, and its connector and line. */
export interface Channel extends AddressRules {
  readonly id: string
  readonly messenger: MessengerName
  readonly secrets: readonly string[]
  readonly connector: string
  readonly line: number
  /** Whether the channel names them itself. Otherwise they are BITRIX24_CONNECTOR and BITRIX24_LINE. */
  readonly own: { readonly connector: boolean, readonly line: boolean }
  readonly settleMs: number
  readonly upstream: ConnectorConfig | null
  /** The values of the messenger's own keys. */
  readonly settings: Readonly<Record<string, unknown>>
}

const USER_FIELDS: readonly UserField[] = ['last_name', 'name', 'picture', 'url', 'gender', 'email', 'phone']

const IDS: IdTemplates = { user: '{user}', chat: '{chat}', message: '{message}' }

/** The environment's values for channels without their own. */
interface ChannelDefaults {
  readonly connector: string | null
  readonly line: number | null
  readonly settleMs: number
}

/** Without one of `needs`, different users, chats or messages would get the same id. */
function template (...needs: string[]) {
  const remedy = `must contain ${needs.map(need => `{${need}}`).join(' or ')}, and no placeholder but {user}, {chat} and {message}`
  return z.string(remedy).max(200, remedy).regex(new RegExp(`^(?=.*\\{(?:${needs.join('|')})\\})(?:[^{}]|\\{(?:user|chat|message)\\})*$`, 's'), remedy)
}

const flag = z.boolean('must be true or false')

/** The keys that are the same for every messenger. Their `id` and `description` are for the JSON Schema. */
const commonKeys = {
  id: z.string('must be a name').regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'must be 1 to 64 lower-case letters, digits, _ and -: it is part of the webhook\'s URL')
    .meta({ id: 'id', description: 'the name in the webhook\'s URL, /webhooks/<id>' }),
  connector: connectorSchema.optional()
    .meta({ id: 'connector', description: 'the connector of the original messages; BITRIX24_CONNECTOR if absent' }),
  line: z.union([z.int().min(1).max(999_999_999), lineSchema], 'must be the number of an open line').optional()
    .meta({ id: 'line', description: 'the open line of the original messages; BITRIX24_LINE if absent' }),
  files: z.enum(['send', 'omit'], 'must be send or omit').default('send')
    .meta({ id: 'files', description: 'omit sends no files, which the portal would download and not show' }),
  userFields: z.array(z.enum(USER_FIELDS, `must be one of ${USER_FIELDS.join(', ')}`), 'must be a list of user fields').default([...USER_FIELDS])
    .meta({ id: 'userFields', description: 'the fields of a client that the original connector sends' }),
  cleanNames: flag.default(false)
    .meta({ id: 'cleanNames', description: 'reduces names to 25 letters, spaces, hyphens and apostrophes' }),
  allowAnonymous: flag.default(false)
    .meta({ id: 'allowAnonymous', description: 'sends edits without a name; the portal then renames the client to "Guest"' }),
  settleMs: z.int().min(0).max(600_000, 'must be at most 600000').optional()
    .meta({ id: 'settleMs', description: 'how long an edit waits for a newer one; SETTLE_MS if absent' }),
  ...upstreamKeys,
}

function channelSchema (name: string, { secret, keys, ids }: MessengerModule) {
  const templates = { ...IDS, ...ids }
  const { id, ...others } = commonKeys
  const common = z.strictObject({
    id,
    messenger: z.literal(name).describe('who sends the webhooks'),
    secrets: z.array(z.string('must be a string').refine(secret.isGood, secret.remedy).describe(secret.remedy), 'must be a list of secrets').min(1, 'must hold at least one secret')
      .describe('how the messenger proves itself; several while you rotate them'),
    ids: z.strictObject({
      user: template('user', 'chat').default(templates.user),
      chat: template('chat', 'user').default(templates.chat),
      message: template('message').default(templates.message),
    }).default(templates).describe('how the original connector writes the ids'),
    ...others,
  })
  // `complete` finds the messenger's own keys by their names, so the type omits them.
  return common.extend(keys) as unknown as typeof common
}

type ChannelSchema = ReturnType<typeof channelSchema>

type ChannelEntry = z.output<ChannelSchema>

const channelSchemas = Object.entries(messengers).map(([name, module]) => channelSchema(name, module)) as [ChannelSchema, ...ChannelSchema[]]

const entrySchema = z.discriminatedUnion('messenger', channelSchemas, {
  error: issue => issue.code === 'invalid_union' ? `names no messenger that this version knows: ${Object.keys(messengers).join(', ')}` : 'must be an object',
})

/** A CHANNELS_FILE, after `${NAME}` is replaced. */
export const fileSchema = z.strictObject({
  $schema: z.string('must be a text').optional().describe('where an editor finds this schema; the relay ignores it'),
  channels: z.array(entrySchema, 'must be a list of channels'),
}, 'must be an object with channels').meta({ title: 'CHANNELS_FILE of imconnector-relay' })

/** The channel of WEBHOOK_SECRET. */
export function defaultChannel (secrets: readonly string[], defaults: ChannelDefaults, faults: string[]): Channel | null {
  const entry = entrySchema.parse({ id: 'default', messenger: 'generic', secrets: [...secrets] })
  return complete(entry, 'the channel default', false, defaults, faults)
}

/** The channels of CHANNELS_FILE. After parsing, replaces `${NAME}` in strings by the environment's value. */
export function readChannels (path: string, defaults: ChannelDefaults, env: Environment, readFile: ReadFile, faults: string[]): Channel[] {
  let json: unknown
  try {
    json = JSON.parse(readFile(path))
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is not JSON' : `cannot be read (${errorCode(error)})`
    faults.push(`CHANNELS_FILE names ${path}, which ${why}`)
    return []
  }
  const before = faults.length
  const expanded = expand(json, '', name => readText(name, true, env, readFile, faults), faults)
  if (faults.length > before) return []

  const parsed = fileSchema.safeParse(expanded)
  if (!parsed.success) {
    faults.push(...parsed.error.issues.map(({ path, message }) => `CHANNELS_FILE: /${path.join('/')} ${message}${nameChannel(expanded, path)}`))
    return []
  }
  return parsed.data.channels.map(entry => complete(entry, `CHANNELS_FILE: the channel ${entry.id}`, true, defaults, faults)).filter(channel => channel !== null)
}

/** The channel's id, so nobody has to count channels. */
function nameChannel (file: unknown, [list, index, key]: readonly PropertyKey[]): string {
  if (list !== 'channels' || typeof index !== 'number' || key === undefined || key === 'id') return ''
  const { id } = (file as { channels: Array<{ id?: unknown } | null> }).channels[index] ?? {}
  return typeof id === 'string' ? ` (channel ${id})` : ''
}

function complete (entry: ChannelEntry, name: string, isInFile: boolean, defaults: ChannelDefaults, faults: string[]): Channel | null {
  const connector = entry.connector ?? defaults.connector
  const line = entry.line ?? defaults.line
  const orOwn = (key: string) => isInFile ? `, or the channel's "${key}"` : ''
  if (connector === null) faults.push(`${name} has no connector: set BITRIX24_CONNECTOR${orOwn('connector')}`)
  if (line === null) faults.push(`${name} has no line: set BITRIX24_LINE${orOwn('line')}`)
  if (!entry.allowAnonymous && !entry.userFields.some(field => field === 'name' || field === 'last_name')) {
    faults.push(`${name} sends no name, so every edit would be refused: add name to userFields, or set allowAnonymous`)
  }
  const upstream = readUpstream(entry, name, faults)
  if (connector === null || line === null) return null
  const messenger = entry.messenger as MessengerName
  const { id, secrets, ids, files, userFields, cleanNames, allowAnonymous, settleMs = defaults.settleMs } = entry
  const settings = Object.fromEntries(Object.entries(entry).filter(([key]) => Object.hasOwn(messengers[messenger].keys, key)))
  const own = { connector: entry.connector !== undefined, line: entry.line !== undefined }
  return { id, messenger, secrets, connector, line, own, ids, files, userFields, cleanNames, allowAnonymous, settleMs, upstream, settings }
}

function expand (value: unknown, pointer: string, lookUp: (name: string) => string | null, faults: string[]): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
      const text = lookUp(name)
      if (text === null) faults.push(`CHANNELS_FILE: ${pointer} names \${${name}}, which is not set`)
      return text ?? ''
    })
  }
  if (Array.isArray(value)) return value.map((item, index) => expand(item, `${pointer}/${index}`, lookUp, faults))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expand(item, `${pointer}/${key}`, lookUp, faults)]))
}

/** Whether a channel still feeds its connector and line: the configuration may have changed since edits were accepted. */
export function isFed ({ channel, connector, line }: { readonly channel: string, readonly connector: string, readonly line: number }, channels: ReadonlyMap<string, Channel>): boolean {
  const feeds = channels.get(channel)
  return feeds !== undefined && feeds.connector === connector && feeds.line === line
}

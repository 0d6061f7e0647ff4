import { field, fromEntries, entriesOf, isArray, isBlank, isFalsy, PhpFatal, toText, type PhpArray, type PhpValue } from './php.ts'
import { phrases } from './phrases.ts'
import { decodeEmoji } from './text.ts'
import { isDownloadable, type PortalUser, type Users } from './users.ts'

/** An item of MESSAGES after the connector module: what is echoed, and who and what it is about. */
export interface Incoming {
  readonly echo: Map<string, PhpValue>
  readonly user: PortalUser
  readonly chat: PhpArray
  readonly message: PhpValue | undefined
}

export type IncomingResult = Incoming | { readonly errors: readonly string[] }

/** Stands for PHP's DateTime, which has no public properties and is therefore `{}` in JSON. */
const emptyObject = Object.freeze({})

/** The part that send, update and delete share. It writes the user even when the item fails afterwards. */
export function readUserAndChat (users: Users, connector: string, item: PhpArray): IncomingResult {
  const echo = new Map(entriesOf(item))
  let user = echo.get('user')
  if (field(user, 'skip_phone_validate') === 'Y' && isArray(user)) {
    user = without(user, 'skip_phone_validate')
    addExtra(echo, 'skip_phone_validate')
  }
  const chat = echo.get('chat')
  if (isFalsy(user) || isFalsy(chat)) return { errors: [phrases.incomplete] }
  if (!isArray(user)) throw new PhpFatal('user must be of type array')
  const resolved = users.resolve(connector, user)
  if ('errors' in resolved) return resolved
  if (!isArray(chat)) throw new PhpFatal('chat must be of type array')
  echo.set('user', resolved.created ? resolved.user.id : String(resolved.user.id))
  echo.set('chat', describe(chat))
  return { echo, user: resolved.user, chat, message: echo.get('message') }
}

/** What send and update add to it: date, files and text. */
export function readMessage (users: Users, connector: string, item: PhpArray, nextFileId: () => number): IncomingResult {
  const incoming = readUserAndChat(users, connector, item)
  if ('errors' in incoming) return incoming
  const { echo } = incoming
  const given = incoming.message
  if (typeof given === 'string') throw new PhpFatal('Cannot access offset of type string on string')
  const message = new Map<string, PhpValue>(isArray(given) ? entriesOf(given) : [])
  if (!isBlank(message.get('date'))) message.set('date', emptyObject as PhpValue)
  const files = message.get('files')
  if (!isFalsy(files)) message.set('files', download(files, nextFileId))
  const text = message.get('text')
  if (text !== undefined && !isBlank(text)) {
    if (isArray(text)) throw new PhpFatal('text must be of type string')
    message.set('text', decodeEmoji(toText(text)))
  }
  if (message.get('disable_crm') === 'Y') {
    message.delete('disable_crm')
    addExtra(echo, 'disable_tracker')
  }
  if (isBlank(message.get('text')) && isFalsy(message.get('files'))) return { errors: [phrases.incomplete] }
  if (isArray(given)) echo.set('message', fromEntries([...message]))
  return { ...incoming, message: echo.get('message') }
}

/** Those of the given files that the portal could have downloaded, by address. */
export function fileUrls (message: PhpValue | undefined): readonly string[] {
  const files = field(message, 'files')
  if (!isArray(files)) return []
  return entriesOf(files).map(([, file]) => field(file, 'url')).filter(isDownloadable).map(toText)
}

function download (files: PhpValue | undefined, nextFileId: () => number): PhpValue {
  if (!isArray(files)) return []
  return fromEntries(entriesOf(files)
    .filter(([, file]) => isDownloadable(field(file, 'url')))
    .map(([cell]) => [cell, nextFileId()] as const))
}

function describe (chat: PhpArray): PhpValue {
  const url = field(chat, 'url')
  if (isFalsy(url)) return chat
  const entries = new Map(entriesOf(chat))
  entries.delete('url')
  return fromEntries([...entries.set('description', phrases.originalPost(toText(url)))])
}

function addExtra (echo: Map<string, PhpValue>, flag: string): void {
  const extra = echo.get('extra')
  echo.set('extra', fromEntries([...isArray(extra) ? entriesOf(extra) : [], [flag, 'Y']]))
}

function without (value: PhpArray, key: string): PhpArray {
  return fromEntries(entriesOf(value).filter(([name]) => name !== key))
}

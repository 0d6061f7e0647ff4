import type { ClientProfile, Content, FileLink, MessageEdit, PortalEdit, SeenClient } from './edit.ts'
import { fill } from '../base/fill.ts'
import { isBlankForPortal } from '../text/blank.ts'
import { neutralise, neutraliseUrl } from '../text/neutralise.ts'

export type UserField = 'last_name' | 'name' | 'picture' | 'url' | 'gender' | 'email' | 'phone'

/** How a channel's edits go to the portal. */
export interface AddressRules {
  /** Templates: the portal's ids must equal those of the original `imconnector.send.messages`. */
  readonly ids: { readonly user: string, readonly chat: string, readonly message: string }
  readonly files: 'send' | 'omit'
  readonly userFields: readonly UserField[]
  /** Whether to remove the characters from names that Bitrix24 does not document. */
  readonly cleanNames: boolean
  /** Whether to send an edit without the client's name; the portal then renames the client to "Guest". */
  readonly allowAnonymous: boolean
}

/** Bitrix24's documentation allows this many letters, spaces, hyphens and apostrophes. */
const MAX_NAME_CHARACTERS = 25

/**
 * Gives a messenger's edit the portal's ids, by the channel's templates, and names without active BB code. The same edit always gives the
 * same bytes, because Bitrix24 rewrites a profile that differs at all from the previous one.
 */
export function address (edit: MessageEdit, channel: AddressRules): PortalEdit {
  const ids = { user: edit.user.id, chat: edit.chat.id, message: edit.message.id }
  const user = addressProfile(edit.user, fill(channel.ids.user, ids), channel)
  return {
    direction: edit.direction,
    user: edit.user.lookUpId === undefined ? user : { ...user, lookUpId: edit.user.lookUpId },
    message: {
      id: fill(channel.ids.message, ids),
      date: edit.message.date,
      ...addressContent(edit.message, channel),
    },
    replaces: edit.replaces && addressContent(edit.replaces, channel),
    chat: { id: fill(channel.ids.chat, ids), name: neutraliseName(edit.chat.name), url: edit.chat.url },
    revision: edit.revision,
    allowAnonymous: channel.allowAnonymous,
  } as PortalEdit
}

function addressContent (content: Content, channel: AddressRules): Content {
  const files = content.files.map(file => file.name === undefined ? file : { url: file.url, name: neutralise(file.name) })
  return {
    text: files.length > 0 && isBlankForPortal(content.text) ? listFiles(files) : content.text,
    files: channel.files === 'send' ? files : [],
  }
}

/** The profile as in an edit, or null if the channel's user template needs the chat and the event has none. */
export function addressClient ({ user, chat }: SeenClient, channel: AddressRules): ClientProfile | null {
  if (chat === undefined && channel.ids.user.includes('{chat}')) return null
  return addressProfile(user, fill(channel.ids.user, { user: user.id, chat: chat ?? '' }), channel)
}

/** The profile that the channel sends to the portal; `id` is the client's id there. */
export function addressProfile (user: ClientProfile, id: string, channel: Pick<AddressRules, 'userFields' | 'cleanNames'>): ClientProfile {
  const select = <T>(field: UserField, value: T) => channel.userFields.includes(field) ? value : undefined
  const toName = (value: string | undefined) => neutraliseName(channel.cleanNames ? cleanName(value) : value)
  return {
    id,
    name: select('name', toName(user.name)),
    lastName: select('last_name', toName(user.lastName)),
    pictureUrl: select('picture', user.pictureUrl),
    url: select('url', user.url),
    gender: select('gender', user.gender),
    email: select('email', user.email),
    phone: select('phone', user.phone),
  }
}

function neutraliseName (name: string | undefined): string | undefined {
  return name === undefined ? undefined : neutralise(name)
}

/** Undefined if nothing is left of the name. */
function cleanName (name: string | undefined): string | undefined {
  const letters = (name ?? '').replace(/\s+/gu, ' ').replace(/[^\p{L}\p{M} '’-]/gu, '').replace(/ {2,}/g, ' ').trim()
  const cut = [...letters].slice(0, MAX_NAME_CHARACTERS).join('').trim()
  return cut === '' ? undefined : cut
}

/** Shows the full URL: the client chooses the file's name, and as the label of a link it could imitate another address. */
function listFiles (files: readonly FileLink[]): string {
  return files.map(({ url, name }) => {
    const link = neutraliseUrl(url)
    const label = (name ?? '').replace(/\s+/gu, ' ').trim()
    return label === '' ? link : `${label}: ${link}`
  }).join('\n')
}

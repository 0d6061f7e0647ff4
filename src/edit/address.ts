import type { ClientProfile, Content, FileLink, MessageEdit, PortalEdit, SeenClient } from './edit.ts'
import { isBlankForPortal } from '../text/blank.ts'
import { neutralise, neutraliseUrl } from '../text/neutralise.ts'

export type UserField = 'last_name' | 'name' | 'picture' | 'url' | 'gender' | 'email' | 'phone'

/** What a channel says of how its edits go to the portal. */
export interface AddressRules {
  /** Templates: the portal's ids must equal those of the original `imconnector.send.messages`. */
  readonly ids: { readonly user: string, readonly chat: string, readonly message: string }
  readonly files: 'send' | 'omit'
  readonly userFields: readonly UserField[]
  /** Whether names are brought to the characters that Bitrix24 documents. */
  readonly cleanNames: boolean
  /** Whether an edit of a client without a name may go to the portal, which then calls the client "Guest". */
  readonly allowAnonymous: boolean
}

/** Bitrix24's documentation allows letters, spaces, hyphens and apostrophes, and this many characters of them. */
const MAX_NAME_CHARACTERS = 25

/**
 * A messenger's edit as it goes to the portal: ids by the channel's templates, names in which nothing acts as BB code. The
 * same edit always comes out the same to the byte, because Bitrix24 rewrites a profile that differs from the last one in anything.
 */
export function address (edit: MessageEdit, channel: AddressRules): PortalEdit {
  const ids = { user: edit.user.id, chat: edit.chat.id, message: edit.message.id }
  const user = addressProfile(edit.user, fillTemplate(channel.ids.user, ids), channel)
  return {
    direction: edit.direction,
    user: edit.user.lookUpId === undefined ? user : { ...user, lookUpId: edit.user.lookUpId },
    message: {
      id: fillTemplate(channel.ids.message, ids),
      date: edit.message.date,
      ...addressContent(edit.message, channel),
    },
    replaces: edit.replaces && addressContent(edit.replaces, channel),
    chat: { id: fillTemplate(channel.ids.chat, ids), name: neutraliseName(edit.chat.name), url: edit.chat.url },
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

/** A client as an edit of it would carry it, or null when the channel's template for users needs a chat that is not known. */
export function addressClient ({ user, chat }: SeenClient, channel: AddressRules): ClientProfile | null {
  if (chat === undefined && channel.ids.user.includes('{chat}')) return null
  return addressProfile(user, fillTemplate(channel.ids.user, { user: user.id, chat: chat ?? '' }), channel)
}

/** Fills the template in one pass, so that a placeholder inside an id stays as it is. */
export function fillTemplate (template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (placeholder, name: string) => values[name] ?? placeholder)
}

/** A client as the channel shows him to the portal, under the id that he has there. */
export function addressProfile (user: ClientProfile, id: string, channel: Pick<AddressRules, 'userFields' | 'cleanNames'>): ClientProfile {
  const select = <T>(field: UserField, value: T) => channel.userFields.includes(field) ? value : undefined
  const name = (value: string | undefined) => neutraliseName(channel.cleanNames ? cleanName(value) : value)
  return {
    id,
    name: select('name', name(user.name)),
    lastName: select('last_name', name(user.lastName)),
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

/** A name of which nothing is left is no name. */
function cleanName (name: string | undefined): string | undefined {
  const letters = (name ?? '').replace(/\s+/gu, ' ').replace(/[^\p{L}\p{M} '’-]/gu, '').replace(/ {2,}/g, ' ').trim()
  const cut = [...letters].slice(0, MAX_NAME_CHARACTERS).join('').trim()
  return cut === '' ? undefined : cut
}

/** The URL is shown as it is: a file's name is the client's, and as the label of a link it could pose as another address. */
function listFiles (files: readonly FileLink[]): string {
  return files.map(({ url, name }) => {
    const link = neutraliseUrl(url)
    const label = (name ?? '').replace(/\s+/gu, ' ').trim()
    return label === '' ? link : `${label}: ${link}`
  }).join('\n')
}

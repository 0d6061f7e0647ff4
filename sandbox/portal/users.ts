import { field, fromEntries, hashOf, isArray, isBlank, isFalsy, isSet, entriesOf, toText, type PhpArray } from './php.ts'
import { guestName, phrases } from './phrases.ts'

/** A client of a connector, as the portal keeps it. `writes` counts how often the profile was written. */
export interface PortalUser {
  readonly id: number
  readonly externalId: string
  name: string
  lastName: string
  url: string
  gender: string
  email: string
  phone: string
  picture: string
  writes: number
  /** Of the user block last written; an equal block is not written again. */
  hash: string
}

type FoundUser =
  | { readonly user: PortalUser, readonly created: boolean }
  | { readonly errors: readonly string[] }

export interface Users {
  /** Finds the client by connector and external id, creates an unknown one, and rewrites a profile whose block has changed. */
  resolve (connector: string, block: PhpArray): FoundUser
  list (): readonly PortalUser[]
}

export function createUsers (): Users {
  const byExternalId = new Map<string, PortalUser>()
  const all: PortalUser[] = []

  function create (key: string, block: PhpArray): FoundUser {
    if (hasInvalidEmail(block)) return { errors: [phrases.invalidEmail, phrases.noUser] }
    const user: PortalUser = {
      id: 585 + all.length,
      externalId: toText(field(block, 'id')),
      name: '',
      lastName: '',
      url: '',
      gender: '',
      email: '',
      phone: '',
      picture: '',
      writes: 0,
      hash: '',
    }
    write(user, block)
    all.push(user)
    // A block without an id finds nobody, not even the user it made before: each such call makes another one.
    if (!isBlank(field(block, 'id'))) byExternalId.set(key, user)
    return { user, created: true }
  }

  return {
    list: () => all,
    resolve (connector, given) {
      const block = splitFullName(given)
      const key = `${connector}|${toText(field(block, 'id'))}`
      const user = byExternalId.get(key)
      if (user === undefined) return create(key, block)
      // A profile with an invalid address is refused as a whole, and nobody is told.
      if (user.hash !== hashOf(block) && !hasInvalidEmail(block)) write(user, block)
      return { user, created: false }
    },
  }
}

/** "Ivan Petrov" without a last name becomes both, before the hash is taken. */
function splitFullName (block: PhpArray): PhpArray {
  const [name, lastName, ...more] = toText(field(block, 'name')).split(' ')
  if (!isBlank(field(block, 'last_name')) || name === undefined || lastName === undefined || more.length > 0) return block
  const entries = new Map(entriesOf(block))
  return fromEntries([...entries.set('name', name).set('last_name', lastName)])
}

function write (user: PortalUser, block: PhpArray): void {
  const text = (key: string): string => isBlank(field(block, key)) ? '' : toText(field(block, key))
  const named = isSet(field(block, 'name'))
  user.lastName = text('last_name')
  if (named) user.name = text('name')
  // The portal asks the block, not the profile: a bare id makes a known client a guest.
  if (user.lastName === '' && (!named || user.name === '')) user.name = text('title') === '' ? guestName : text('title')
  user.url = isFalsy(field(block, 'url')) ? '' : text('url')
  const gender = toText(field(block, 'gender'))
  if (isFalsy(field(block, 'gender'))) user.gender = ''
  else if (gender === 'male') user.gender = 'M'
  else if (gender === 'female') user.gender = 'F'
  user.email = text('email') || user.email
  user.phone = text('phone') || user.phone
  const picture = field(block, 'picture')
  if (isArray(picture) && isDownloadable(field(picture, 'url'))) user.picture = toText(field(picture, 'url'))
  user.hash = hashOf(block)
  user.writes += 1
}

function hasInvalidEmail (block: PhpArray): boolean {
  const email = field(block, 'email')
  return !isBlank(email) && !/^[^@\s]+@[^@\s]+\.[^@\s.]+$/.test(toText(email))
}

/** The sandbox downloads nothing: an http(s) address counts as a download that worked. */
export function isDownloadable (url: unknown): boolean {
  return typeof url === 'string' && /^https?:\/\/[^/]/i.test(url)
}

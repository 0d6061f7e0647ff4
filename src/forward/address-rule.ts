import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Whether the relay may connect to an address. */
type AddressRule = (address: string) => boolean

/** Resolves a name to all its addresses, like `lookup` of node:dns. */
export type Resolve = (name: string, options: LookupOptions & { all: true }, done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void) => void

class AddressNotAllowed extends Error {
  readonly code = 'ADDRESS_NOT_ALLOWED'
}

/** The public block of IPv6. */
const IPV6_PUBLIC = ipaddr.parseCIDR('2000::/3')

/**
 * Allows public addresses over TLS, and the addresses and CIDR ranges of `privateRanges`. Any other address is this machine, its network or
 * a cloud's metadata service, which must not get webhooks.
 */
export function createAddressRule ({ url, privateRanges }: { readonly url: string, readonly privateRanges: readonly string[] }): AddressRule {
  const isEncrypted = new URL(url).protocol === 'https:'
  const named = privateRanges.map(range => ipaddr.parseCIDR(range.includes('/') ? range : `${range}/${range.includes(':') ? 128 : 32}`))
  return text => {
    if (!ipaddr.isValid(text)) return false
    // `process` turns an IPv4-mapped IPv6 address into IPv4.
    const address = ipaddr.process(text)
    return (isEncrypted && isPublic(address)) || named.some(range => isWithin(address, range))
  }
}

/** Resolves a name to its allowed addresses. undici calls it for each connection and connects to its result, so the address cannot change in between. */
export function createLookup (isAllowed: AddressRule, resolve: Resolve = systemLookup): LookupFunction {
  return (name, options, done) => {
    resolve(name, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, [])
      const allowed = addresses.filter(({ address }) => isAllowed(address))
      const [first] = allowed
      if (first === undefined) return done(new AddressNotAllowed('no address of the connector is allowed'), [])
      if (options.all) done(null, allowed)
      else done(null, first.address, first.family)
    })
  }
}

function isPublic (address: Address): boolean {
  return address.range() === 'unicast' && (address.kind() === 'ipv4' || isWithin(address, IPV6_PUBLIC))
}

function isWithin (address: Address, [network, bits]: readonly [Address, number]): boolean {
  return address.kind() === network.kind() && address.match(network, bits)
}

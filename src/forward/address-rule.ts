import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Whether a connection may be made to an address. */
export type AddressRule = (address: string) => boolean

/** Asks a resolver, as `lookup` of node:dns does, for all addresses of a name. */
export type Resolve = (name: string, options: LookupOptions & { all: true }, done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void) => void

export class AddressNotAllowed extends Error {
  readonly code = 'ADDRESS_NOT_ALLOWED'
}

/** What is handed out for the public internet. IPv6 has one such block; what stands for an IPv4 address lies in it or outside (RFC 6890). */
const IPV6_PUBLIC = ipaddr.parseCIDR('2000::/3')

/**
 * A connector is at a public address and spoken to by TLS, or at an address that its owner has named (`privateRanges`: addresses and CIDR
 * ranges). Everything else is this machine, its network or a cloud's metadata service, where a webhook has no business.
 */
export function createAddressRule ({ url, privateRanges }: { readonly url: string, readonly privateRanges: readonly string[] }): AddressRule {
  const isEncrypted = new URL(url).protocol === 'https:'
  const named = privateRanges.map(range => ipaddr.parseCIDR(range.includes('/') ? range : `${range}/${range.includes(':') ? 128 : 32}`))
  return text => {
    if (!ipaddr.isValid(text)) return false
    // An IPv4 address written as an IPv6 one is that IPv4 address.
    const address = ipaddr.process(text)
    return (isEncrypted && isPublic(address)) || named.some(range => isWithin(address, range))
  }
}

/**
 * Resolves a name to those of its addresses that the rule allows. It is asked right before each connection and its answer is what is
 * connected to, so that a name whose address changes meanwhile leads nowhere else.
 */
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

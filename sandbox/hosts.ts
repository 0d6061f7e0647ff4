import type { FastifyRequest } from 'fastify'
import type { State } from './state.ts'

/** Where a client reaches the OAuth server and the portal. */
export interface Hosts {
  readonly oauth: string
  readonly portal: string
}

/** Until the portal is renamed, the address that the client used is its domain: it works for loopback, containers and tunnels alike. */
export function hostsOf (state: State, used: string): Hosts {
  return { oauth: used, portal: state.host ?? used }
}

export function hostOf (request: FastifyRequest): string {
  return request.headers.host ?? '127.0.0.1'
}

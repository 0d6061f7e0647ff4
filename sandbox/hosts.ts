import type { FastifyRequest } from 'fastify'
import type { State } from './state.ts'

/** Until the portal is renamed, the address that the client used is its domain: it works for loopback, containers and tunnels alike. */
export function portalHost (state: State, request: FastifyRequest): string {
  return state.host ?? hostOf(request)
}

export function hostOf (request: FastifyRequest): string {
  return request.headers.host ?? '127.0.0.1'
}

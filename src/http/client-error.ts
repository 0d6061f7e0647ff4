import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { problem, PROBLEM_TYPE } from './problem.ts'

/** The unfinished responses of a connection, in the order of their requests. */
const unfinished = new WeakMap<Socket, Set<ServerResponse>>()

/** Connections whose parser has failed: it fails again with each further byte. */
const failed = new WeakSet<Socket>()

/** Tracks each connection's unfinished responses, for `answerClientError`. */
export function trackResponses (server: Server): void {
  server.on('request', ({ socket }, response) => {
    const responses = unfinished.get(socket) ?? new Set<ServerResponse>()
    unfinished.set(socket, responses.add(response))
    response.once('finish', () => { responses.delete(response) })
  })
}

/**
 * Answers a request that the HTTP server could not parse, after the answers to earlier pipelined requests. In the wrong order, a sender
 * would match this answer to an earlier request, and drop or repeat an accepted edit.
 */
export function answerClientError (error: Error & { readonly code?: string }, socket: Socket): void {
  if (failed.has(socket)) return
  failed.add(socket)
  answerInTurn(error.code, socket)
}

function answerInTurn (code: string | undefined, socket: Socket): void {
  const [serving] = unfinished.get(socket) ?? []
  // If the request is incomplete, its response is the answer to the failed bytes.
  if (serving?.req.complete) {
    serving.once('finish', () => answerInTurn(code, socket))
    return
  }
  if (code === 'ECONNRESET' || !socket.writable || serving?.headersSent) {
    socket.destroy()
    return
  }
  const [status, detail] = explain(code)
  const answer = problem(status, detail)
  const body = JSON.stringify(answer)
  socket.write(`HTTP/1.1 ${status} ${answer.title}\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
  socket.destroySoon()
}

function explain (code: string | undefined): [status: number, detail: string] {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT': return [408, 'the request took too long to arrive']
    case 'HPE_HEADER_OVERFLOW': return [431, 'the headers are too long']
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW': return [413, 'the chunk extensions are too long']
    default: return [400, 'this is not HTTP']
  }
}

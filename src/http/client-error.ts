import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { problem, PROBLEM_TYPE } from '../problem.ts'

/** Node's own note of the response that a socket is writing; with pipelining the next one takes its place as soon as that has finished. */
type ServingSocket = Socket & { readonly _httpMessage?: ServerResponse | null }

/**
 * Answers bytes that the HTTP parser could not take, in their turn: a good request pipelined before them gets its own answer first.
 * An answer out of turn would be taken for that request's, and a sender would give up an edit that was accepted, or repeat it in vain.
 */
export function answerClientError (error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const serving = (socket as ServingSocket)._httpMessage
  if (serving) {
    serving.once('finish', () => answerClientError(error, socket))
    return
  }
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const [status, detail] = explain(error.code)
  const body = JSON.stringify(problem(status, detail))
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
}

function explain (code: string | undefined): [status: number, detail: string] {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT': return [408, 'the request took too long to arrive']
    case 'HPE_HEADER_OVERFLOW': return [431, 'the headers are too long']
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW': return [413, 'the chunk extensions are too long']
    default: return [400, 'this is not HTTP']
  }
}

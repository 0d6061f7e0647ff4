import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Agent } from 'undici'
import { createDispatcher, type DispatcherOptions } from '../../src/bitrix24/client.ts'

interface Test { teardown (after: () => unknown): unknown }

/** A server of bytes: `respond` gets the socket and the text of each complete request, and may answer anything or nothing. */
export async function startRawServer (t: Test, respond: (socket: Socket, request: string) => void) {
  const requests: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    let received = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      const text = received.toString('utf8')
      const headEnd = text.indexOf('\r\n\r\n')
      const length = /content-length: (\d+)/i.exec(text)
      if (headEnd < 0 || Buffer.byteLength(text.slice(headEnd + 4)) < Number(length?.[1] ?? 0)) return
      received = Buffer.alloc(0)
      requests.push(text)
      respond(socket, text)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, requests }
}

/** One complete HTTP/1.1 answer. */
export function answer (status: number, body: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ 'content-type': 'application/json', ...headers, 'content-length': String(Buffer.byteLength(body)) })
  return `HTTP/1.1 ${status} Whatever\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

/** A dispatcher that ends with the test. */
export function testDispatcher (t: Test, options: DispatcherOptions = {}): Agent {
  const dispatcher = createDispatcher(options)
  t.teardown(() => dispatcher.destroy())
  return dispatcher
}

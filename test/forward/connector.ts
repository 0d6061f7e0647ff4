import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** A request as the connector got it. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

export type Respond = (response: ServerResponse, request: Received) => void

/** A connector's own server on loopback; it answers 200 with `ok` unless told otherwise, and ends with the test. */
export async function startConnector (t: Test, respond: Respond = response => response.end('ok')) {
  const received: Received[] = []
  const behaviour = { respond }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = request
      const whole = { method, url, headers, rawHeaders, body: Buffer.concat(chunks) }
      received.push(whole)
      behaviour.respond(response, whole)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    /** From the next request on. */
    respondWith: (next: Respond) => { behaviour.respond = next },
    /** Nobody is at its address any more. */
    close: async (): Promise<void> => {
      const closed = once(server, 'close')
      server.closeAllConnections()
      server.close()
      await closed
    },
    /** It is back. */
    open: async (): Promise<void> => { await once(server.listen(port, '127.0.0.1'), 'listening') },
  }
}

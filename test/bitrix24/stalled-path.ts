import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { CERTIFICATE, KEY } from '../forward/certificate.ts'

interface Test { teardown (after: () => unknown): unknown }

/** After this many bytes of a connection the path stalls: the TLS handshake is shorter, the request longer. */
const STALLS_AFTER = 8 * 1024

async function listen (t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** A server that answers each complete request, behind a network path that loses all further bytes of a request until it is mended. */
export async function startStalledPath (t: Test, protocol: 'http' | 'https') {
  /** The bodies' sizes of the complete requests. */
  const complete: number[] = []
  const respond: RequestListener = (request, response) => {
    let size = 0
    request.on('data', (chunk: Buffer) => { size += chunk.length })
    request.on('end', () => {
      complete.push(size)
      response.end('{"result":true}')
    })
  }
  const server = protocol === 'http' ? createHttpServer(respond) : createHttpsServer({ cert: CERTIFICATE, key: KEY }, respond)
  const serverPort = await listen(t, server)

  const ends: Array<Promise<unknown>> = []
  const sockets = new Set<Socket>()
  let isMended = false
  const path = createServer(near => {
    let passed = 0
    const far = connect(serverPort, '127.0.0.1')
    sockets.add(near)
    ends.push(once(far, 'close'))
    near.on('data', (chunk: Buffer) => {
      passed += chunk.length
      far.write(chunk)
      if (passed > STALLS_AFTER && !isMended) near.pause()
    })
    near.on('end', () => { far.end() }).on('error', () => { far.destroy() })
    far.on('data', (chunk: Buffer) => { near.write(chunk) }).on('close', () => { near.destroy() }).on('error', () => {})
  })
  const port = await listen(t, path)

  if (protocol === 'https') {
    const trusted = getCACertificates('default')
    t.teardown(() => setDefaultCACertificates(trusted))
    setDefaultCACertificates([...trusted, CERTIFICATE])
  }
  return {
    url: `${protocol}://localhost:${port}`,
    complete,
    /** Lets through what waits, and what comes later. */
    mend (): void {
      isMended = true
      for (const socket of sockets) socket.resume()
    },
    /** Fulfilled when the server has seen the end of every connection. */
    ended: async () => { await Promise.all(ends) },
  }
}

import { once } from 'node:events'
import { isIP, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { errors, type buildConnector } from 'undici'

const KEEP_ALIVE_MS = 60_000

/**
 * A connection that `destroy` resets. After a mere close the kernel goes on sending the bytes that it holds, for minutes if the network path is
 * broken. So an aborted request could reach its server long after it was given up.
 */
class ResettingSocket extends Socket {
  #isReset = false
  #cause: Error | undefined

  override destroy (error?: Error): this {
    if (this.#isReset || this.connecting || this.destroyed) return super.destroy(error ?? this.#cause)
    this.#isReset = true
    this.#cause = error
    // Calls `destroy` again.
    return this.resetAndDestroy()
  }
}

/** undici's `connect`, with connections that are reset when they end. `timeoutMs` is for the connection and its TLS handshake together. */
export function createConnect (timeoutMs: number): buildConnector.connector {
  return (target, callback) => {
    open(target, timeoutMs).then(socket => callback(null, socket), (error: Error) => callback(error, null))
  }
}

async function open ({ hostname, protocol, port, servername }: buildConnector.Options, timeoutMs: number): Promise<Socket> {
  const isSecure = protocol === 'https:'
  const signal = AbortSignal.timeout(timeoutMs)
  const socket = new ResettingSocket()
  // `once` below reports errors while connecting; undici reports later ones.
  socket.on('error', () => {})
  try {
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS)
    socket.connect({ host: hostname, port: Number(port) || (isSecure ? 443 : 80) })
    await once(socket, 'connect', { signal })
    if (!isSecure) return socket
    // A TLSSocket cannot reset itself, but it destroys the socket below it.
    const tls = connectTls({
      socket,
      host: hostname,
      servername: servername ?? (isIP(hostname) === 0 ? hostname : undefined),
      ALPNProtocols: ['http/1.1'],
      // Explicit, so NODE_TLS_REJECT_UNAUTHORIZED cannot switch it off.
      rejectUnauthorized: true,
    })
    tls.on('error', () => {})
    await once(tls, 'secureConnect', { signal })
    return tls
  } catch (error) {
    socket.destroy()
    throw signal.aborted ? new errors.ConnectTimeoutError('the connection took too long') : error
  }
}

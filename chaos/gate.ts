import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A proxy in front of a server on this machine that can break its connections or hold their data. */
export interface Gate {
  readonly port: number
  /** Breaks all connections and refuses new ones until `open`. Data in transit is lost. */
  cut (): void
  /** Holds all data until `open`, which delivers it. */
  hold (): void
  open (): void
  /** The number of clients whose data is held. */
  heldSenders (): number
  close (): void
}

type State = 'open' | 'cut' | 'held'

interface Pair {
  readonly inbound: Socket
  readonly outbound: Socket
  /** Actions that are held. */
  backlog: Array<() => void>
  hasSent: boolean
}

export async function openGate (serverPort: number): Promise<Gate> {
  const pairs = new Set<Pair>()
  let state: State = 'open'

  function receive (inbound: Socket): void {
    if (state === 'cut') {
      inbound.on('error', () => {}).resetAndDestroy()
      return
    }
    const outbound = connect({ host: '127.0.0.1', port: serverPort, noDelay: true })
    const pair: Pair = { inbound, outbound, backlog: [], hasSent: false }
    pairs.add(pair)
    inbound.setNoDelay(true)
    const act = (action: () => void): void => {
      if (state === 'held') pair.backlog.push(action)
      else action()
    }
    for (const [from, to] of [[inbound, outbound], [outbound, inbound]] as const) {
      from.on('data', chunk => {
        if (from === inbound && state === 'held') pair.hasSent = true
        act(() => to.write(chunk))
      })
      from.on('error', () => {})
      from.on('close', () => act(() => {
        to.end()
        pairs.delete(pair)
      }))
    }
  }

  const server = createServer(receive).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const gate: Gate = {
    port: (server.address() as AddressInfo).port,
    cut () {
      state = 'cut'
      for (const pair of pairs) {
        pair.inbound.resetAndDestroy()
        pair.outbound.resetAndDestroy()
      }
      pairs.clear()
    },
    hold () {
      state = 'held'
    },
    open () {
      state = 'open'
      for (const pair of pairs) {
        pair.hasSent = false
        for (const action of pair.backlog.splice(0)) action()
      }
    },
    heldSenders: () => [...pairs].filter(pair => pair.hasSent).length,
    close () {
      server.close()
      gate.cut()
    },
  }
  return gate
}

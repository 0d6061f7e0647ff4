import type { Signal, Signals } from '../leases.ts'
import type { Client } from './connection.ts'
import type { Link } from './link.ts'

const CHANNEL = 'imconnector_relay'

/** The most signals a second, however many webhooks come. */
const SIGNALS_PER_S = 20

interface PortalSignals extends Signals {
  /** Listens on a connection for signals of other processes. */
  attach (client: Client): Promise<void>
}

/** Signals by NOTIFY, outside the transactions that they report: a NOTIFY within them would make all commits of the server wait for each other. */
export function createPostgresSignals (link: () => Link): PortalSignals {
  const listeners = new Map<string, Array<(signal: Signal) => void>>()
  const waiting = new Set<string>()
  let timer: NodeJS.Timeout | null = null

  function flush (): void {
    timer = null
    if (waiting.size === 0) return
    const payloads = [...waiting]
    waiting.clear()
    timer = setTimeout(flush, 1000 / SIGNALS_PER_S)
    // Signals may be lost.
    link().run(client => client.query(`SELECT pg_notify('${CHANNEL}', payload) FROM unnest($1::text[]) AS payload`, [payloads])).catch(() => {})
  }

  return {
    send (portal, signal) {
      waiting.add(JSON.stringify([portal, signal]))
      if (timer === null) flush()
    },

    listen (portal, listener) {
      listeners.set(portal, [...listeners.get(portal) ?? [], listener])
    },

    async attach (client) {
      client.on('notification', ({ channel, payload = '' }) => {
        if (channel !== CHANNEL) return
        const [portal, signal] = readSignal(payload)
        for (const listener of listeners.get(portal) ?? []) listener(signal)
      })
      await client.query(`LISTEN ${CHANNEL}`)
    },
  }
}

/** Other programs may send on the channel too. Their payloads are ignored. */
function readSignal (payload: string): [portal: string, signal: Signal] {
  try {
    const [portal, signal] = JSON.parse(payload) as [string, Signal]
    return [String(portal), signal]
  } catch {
    return ['', 'edits']
  }
}

import type { Signal, Signals } from '../leases.ts'
import type { Client } from './connection.ts'
import type { Link } from './link.ts'

const CHANNEL = 'imconnector_relay'

/** A flood of webhooks makes no more than this many signals a second. */
const SIGNALS_PER_S = 20

interface PortalSignals extends Signals {
  /** Makes a connection hear what the others send. */
  attach (client: Client): Promise<void>
}

/** Signals by NOTIFY, apart from the transactions that they tell of: within one, it would make all commits of the server wait for each other. */
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
    // A signal that cannot be sent is lost, as any may be.
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

/** Whoever may connect to the database may send on the channel: what is not ours is for nobody. */
function readSignal (payload: string): [portal: string, signal: Signal] {
  try {
    const [portal, signal] = JSON.parse(payload) as [string, Signal]
    return [String(portal), signal]
  } catch {
    return ['', 'edits']
  }
}

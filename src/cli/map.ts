import { z } from 'zod'
import { address, addressClient } from '../edit/address.ts'
import type { MessageEdit, PortalEdit } from '../edit/edit.ts'
import type { Environment, ReadFile } from '../config/environment.ts'
import { readChannels, type Channel } from '../config/channels.ts'
import { BadRequest, ConfigError } from '../base/errors.ts'
import { messengers } from '../messengers/registry.ts'

interface MapOptions {
  /** A CHANNELS_FILE. */
  readonly path: string
  readonly channel: string
  /** The body of a webhook, as the messenger sends it. */
  readonly payload: Buffer
  readonly env: Environment
  readonly readFile: ReadFile
  /** When the webhook comes, in milliseconds of the wall clock. */
  readonly now: number
}

interface Mapped {
  /** JSON of the edits and clients with the ids for the portal, or the faults. */
  readonly text: string
  /** Whether an edit cannot be read. */
  readonly isFaulty: boolean
}

/** For a secret that is not set: nothing is verified here. Long enough for every messenger. */
const STAND_IN = `whsec_${'A'.repeat(32)}`

/**
 * Reads a payload as the channel does, offline and without a signature. Rejects with ConfigError for a faulty channel, and with an Error for a
 * missing file or channel.
 */
export async function mapPayload ({ path, channel: id, payload, env, readFile, now }: MapOptions): Promise<Mapped> {
  const channel = readChannel(path, id, env, readFile)
  const messenger = messengers[channel.messenger].create(channel)
  const request = { method: 'POST' as const, query: '', headers: {}, body: payload }
  const greeting = messenger.greet?.(request) ?? null
  if (greeting !== null) return { text: show({ reply: greeting }), isFaulty: false }
  try {
    const { edits, ignored, clients, reply } = await messenger.parse(request, now)
    const text = show({ edits: edits.map(edit => toShown(address(edit, channel))), ignored, clients: clients.map(client => addressClient(client, channel)), reply })
    return { text, isFaulty: ignored.some(({ reason }) => reason === 'unreadable') }
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error
    return { text: [error.message, ...error.faults.map(fault => `  ${fault.pointer} ${fault.detail}`)].join('\n'), isFaulty: true }
  }
}

/** What the portal would be told; the channel's own rules are in the file that was given. */
function toShown ({ allowAnonymous, ...edit }: PortalEdit): MessageEdit {
  return edit
}

/** Reads only this channel: the others may be faulty or lack their secrets. */
function readChannel (path: string, id: string, env: Environment, readFile: ReadFile): Channel {
  const file = z.object({ channels: z.array(z.looseObject({ id: z.unknown() })) }).safeParse(readJson(path, readFile)).data
  const entry = file?.channels.find(candidate => candidate.id === id)
  if (entry === undefined) throw new Error(`${path} has no channel ${id}`)
  const text = JSON.stringify({ channels: [entry] })
  const unset = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name).filter(name => !env[name] && !env[`${name}_FILE`])
  const faults: string[] = []
  const defaults = { connector: 'offline', line: 1, settleMs: 0 }
  const [channel] = readChannels(path, defaults, { ...env, ...Object.fromEntries(unset.map(name => [name, STAND_IN])) }, name => name === path ? text : readFile(name), faults)
  if (channel === undefined) throw new ConfigError(faults)
  return channel
}

function readJson (path: string, readFile: ReadFile): unknown {
  const text = readFile(path)
  try {
    return JSON.parse(text)
  } catch {
    // The engine's message quotes the file, which may contain secrets.
    throw new Error(`${path} is not JSON`)
  }
}

function show (value: unknown): string {
  return JSON.stringify(value, (key, item: unknown) => {
    if (key === 'at' && typeof item === 'number') return new Date(item).toISOString()
    return typeof item === 'bigint' ? String(item) : item
  }, 2)
}

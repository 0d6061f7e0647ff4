import { z } from 'zod'
import { AUTHORIZATION, toAnswer, type PreviewAnswer } from '../../routes/preview.ts'
import { ConfigError } from '../base/errors.ts'
import { readChannels, type Channel } from '../config/channels.ts'
import type { Environment, ReadFile } from '../config/environment.ts'
import { readHeaderLines } from '../http/header-lines.ts'
import { createIntake } from '../intake.ts'
import { askApi, type ApiOptions } from './api.ts'

interface Webhook {
  readonly channel: string
  /** The body, as the messenger sends it. */
  readonly payload: Buffer
  /** Such as `x-signature: abc`. */
  readonly headers: readonly string[]
}

interface OfflineOptions extends Webhook {
  /** A CHANNELS_FILE. */
  readonly path: string
  readonly env: Environment
  readonly readFile: ReadFile
  /** When the webhook comes, in milliseconds of the wall clock. */
  readonly now: number
}

/** For a secret that is not set: nothing is verified with it. Each messenger accepts its form. */
const STAND_IN = 'a'.repeat(32)

/** Asks a running relay what it would do with a webhook. */
export async function preview (api: ApiOptions, { channel, payload, headers }: Webhook): Promise<PreviewAnswer> {
  const { authorization, ...others } = readHeaders(headers)
  return await askApi<PreviewAnswer>(api, `/api/preview/${encodeURIComponent(channel)}`, {
    method: 'POST',
    headers: authorization === undefined ? others : { ...others, [AUTHORIZATION]: authorization },
    body: payload,
  })
}

/**
 * The same without a relay, for a channel of the file; no client is known. Rejects with ConfigError for a faulty channel, and with an Error for a
 * missing file or channel.
 */
export async function previewOffline ({ path, channel: id, payload, headers, env, readFile, now }: OfflineOptions): Promise<PreviewAnswer> {
  const intake = createIntake({
    portal: 'offline',
    channels: new Map([[id, readChannel(path, id, env, readFile)]]),
    outbox: { accept: async () => [] },
    profiles: { find: async () => null, remember: async () => {} },
    now: () => now,
    wallTime: () => now,
    clock: { isProven: () => true, time: () => now },
    onAccepted: () => {},
  })
  return toAnswer(await intake.preview(id, { method: 'POST', query: '', headers: readHeaders(headers), body: payload }))
}

function readHeaders (lines: readonly string[]): Record<string, string> {
  const headers = readHeaderLines(lines)
  if (headers === null) throw new Error('a header is written as name: value')
  return headers
}

/** Reads only this channel: the others may be faulty or lack their secrets. */
function readChannel (path: string, id: string, env: Environment, readFile: ReadFile): Channel {
  const file = z.object({ channels: z.array(z.looseObject({ id: z.unknown() })) }).safeParse(readJson(path, readFile)).data
  const entry = file?.channels.find(candidate => candidate.id === id)
  if (entry === undefined) throw new Error(`${path} has no channel ${id}`)
  const text = JSON.stringify({ channels: [entry] })
  const unset = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name).filter(name => !env[name] && !env[`${name}_FILE`])
  const faults: string[] = []
  const defaults = { connector: env.BITRIX24_CONNECTOR || 'offline', line: Number(env.BITRIX24_LINE) || 1, settleMs: 0 }
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

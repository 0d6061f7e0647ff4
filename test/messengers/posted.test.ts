import { createHmac } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import fc from 'fast-check'
import { ImpossibleTime } from '../../src/base/errors.ts'
import { loadConfig } from '../../src/config/config.ts'
import type { WebhookContent } from '../../src/messengers/messenger.ts'
import { messengers } from '../../src/messengers/registry.ts'
import { signStandardWebhook } from '../../src/signatures/standard-webhooks.ts'
import { KEY, SECRET } from '../channel.ts'
import { businessEdited, channelPostEdited, edited, movedLocation, others } from './fixtures/telegram/updates.ts'
import { startMessengers } from './running.ts'

const TOKEN = 'ab'.repeat(16)

const NOW = Math.floor(Date.now() / 1000)

type Headers = Readonly<Record<string, string>>

interface Sender {
  readonly channel: object
  readonly sign: (body: Buffer) => Headers
  readonly payloads?: readonly unknown[]
  /** Where the account, or a secret, stands in the body: an event without it is refused. */
  readonly prove?: (payload: object) => unknown
  /** Its own faults are the sender's to mend. */
  readonly mayRefuse?: boolean
}

const bearer = (): Headers => ({ authorization: `Bearer ${TOKEN}` })

const hmac = (algorithm: string, header: string, prefix = '') => (body: Buffer): Headers =>
  ({ [header]: prefix + createHmac(algorithm, TOKEN).update(body).digest('hex') })

const genericEdit = { user: { id: '42', name: 'Ivan' }, message: { id: '1001', text: 'Hello', date: NOW - 60, edited_at: NOW, revision: 3, files: [{ url: 'https://e.com/f' }] }, chat: { id: 'c' } }

const senders: { readonly [Name in keyof typeof messengers]: Sender } = {
  generic: {
    channel: { secrets: [SECRET] },
    sign: body => signStandardWebhook(KEY, body, Date.now()),
    payloads: ['message.edited', 'message.created'].map(type => ({ type, timestamp: NOW, data: [genericEdit] })),
    mayRefuse: true,
  },
  telegram: {
    channel: {},
    sign: () => ({ 'x-telegram-bot-api-secret-token': TOKEN }),
    payloads: [edited(), businessEdited(), channelPostEdited(), movedLocation, ...others],
  },
  max: { channel: {}, sign: () => ({ 'x-max-bot-api-secret': TOKEN }) },
  vk: {
    channel: { groupId: 1, confirmation: 'abc' },
    sign: () => ({}),
    prove: payload => ({ ...payload, group_id: 1, secret: TOKEN }),
    mayRefuse: true,
  },
  meta: { channel: { verifyToken: TOKEN }, sign: hmac('sha256', 'x-hub-signature-256', 'sha256=') },
  'green-api': {
    channel: { instanceId: 1101700042 },
    sign: bearer,
    prove: payload => ({ ...payload, instanceData: { idInstance: 1101700042, typeInstance: 'whatsapp' } }),
    mayRefuse: true,
  },
  wazzup: { channel: {}, sign: bearer },
  waha: { channel: {}, sign: hmac('sha512', 'x-webhook-hmac') },
  custom: {
    channel: {
      verify: { kind: 'bearer' },
      filter: 'kind = "edited"',
      map: '{ "user": user, "message": message, "chat": chat }',
      client: '{ "user": user, "message": message, "chat": chat }',
    },
    sign: bearer,
    payloads: [{ kind: 'edited', ...genericEdit }, { kind: 'created', ...genericEdit }],
  },
}

/** Numbers that no clock and no counter shows, and that JSON can write. */
const odd = fc.oneof(fc.jsonValue(), fc.constantFrom(null, [], {}, '', -1, 0.5, 2 ** 53, -9e15, 9e15, 1e300, -1e300, '\0', '\ud800', 'x'.repeat(2000)))

function readPayloads (name: string): unknown[] {
  return globSync(join(import.meta.dirname, 'fixtures', name, '*.json')).map(path => JSON.parse(readFileSync(path, 'utf8')) as unknown)
}

function replaceOne (payload: unknown, at: number, value: unknown): unknown {
  const text = JSON.stringify(payload)
  let count = 0
  JSON.parse(text, (_, item: unknown) => { count++; return item })
  let index = 0
  return JSON.parse(text, (_, item: unknown) => index++ === at % count ? value : item)
}

const channels = Object.entries(senders).map(([name, { channel }]) => ({ id: name, messenger: name, secrets: [TOKEN], ...channel }))

t.test('whatever an authentic sender posts, the relay does not fail, and refuses only who can mend it', async t => {
  const { lines, post, sendOriginal, drained } = await startMessengers(t, channels)
  // The portal's answer proves the clock. Until then a time far ahead may be our fault, and is answered with 503.
  await sendOriginal({ message: 'proof', chat: 'c', user: '42' })
  const proof = Buffer.from(JSON.stringify({ type: 'message.edited', timestamp: NOW, data: { ...genericEdit, message: { id: 'proof', text: 'Hello' } } }))
  await post('generic', proof, senders.generic.sign(proof))
  await drained()
  for (const [name, { sign, payloads = readPayloads(name), prove = (payload: object): unknown => payload, mayRefuse = false }] of Object.entries<Sender>(senders)) {
    const send = async (payload: unknown) => {
      const body = Buffer.from(JSON.stringify(typeof payload === 'object' && payload !== null ? prove(payload) : payload))
      return await post(name, body, sign(body))
    }
    t.not(payloads.length, 0, name)
    for (const payload of payloads) t.match((await send(payload)).status, name === 'generic' ? 202 : 200, name)
    await t.resolves(fc.assert(fc.asyncProperty(fc.constantFrom(...payloads), fc.nat(), odd, async (payload, at, value) => {
      const { status } = await send(replaceOne(payload, at, value))
      return status < 300 || (mayRefuse && status < 500)
    }), { numRuns: 30 }), name)
  }
  t.strictSame(lines.filter(line => line.event === 'webhook.rejected' && Number(line.status) >= 500), [])
})

t.test('by a clock that is behind, every edit of every messenger has an impossible time, and is told from one that cannot be read', async t => {
  const { channels: configured } = loadConfig({ BITRIX24_PORTAL_URL: 'https://example.bitrix24.ru', BITRIX24_CONNECTOR: 'relay_demo', BITRIX24_LINE: '1', CHANNELS_FILE: 'channels.json' }, () => JSON.stringify({ channels }))
  for (const [name, { payloads = readPayloads(name), prove = (payload: object): unknown => payload }] of Object.entries<Sender>(senders)) {
    const configuredChannel = configured.get(name)
    if (configuredChannel === undefined) throw new Error(`no channel ${name}`)
    const messenger = messengers[name as keyof typeof messengers].create(configuredChannel)
    const read = async (payload: unknown, nowMs: number): Promise<WebhookContent | 'impossible'> => {
      const request = { method: 'POST' as const, query: '', headers: {}, body: Buffer.from(JSON.stringify(prove(payload as object))) }
      try {
        const content = await messenger.parse(request, nowMs)
        return content.ignored.some(({ isImpossible }) => isImpossible) ? 'impossible' : content
      } catch (error) {
        if (error instanceof ImpossibleTime) return 'impossible'
        throw error
      }
    }
    let edits = 0
    for (const payload of payloads) {
      const content = await read(payload, Date.now())
      const isEdit = content !== 'impossible' && content.edits.length > 0
      if (isEdit) edits++
      // Wazzup's edits have no time: their texts order them.
      t.equal(await read(payload, Date.UTC(2001)) === 'impossible', isEdit && name !== 'wazzup', name)
    }
    t.not(edits, 0, name)
  }
})

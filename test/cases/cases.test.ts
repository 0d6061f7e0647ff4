import { createHmac } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import type { Original } from '../../demo/connector.ts'
import { example } from '../messengers/custom/channel.ts'
import { startMessengers } from '../messengers/running.ts'
import { startPeopleApi } from '../names/people-api.ts'
import { shift } from './shift.ts'

/*
 * Each file is one conversation: a channel, the connector's originals, webhooks as they come, and the texts that the operator must see in
 * the end (`expected`, without U+200B), sometimes with the result of the last webhook (`outcome`). Times are relative to `now`.
 */

type Channel = Readonly<Record<string, unknown>> & { readonly messenger: string, readonly secrets: readonly string[] }

interface Case {
  readonly title: string
  readonly now: number
  /** An entry of a CHANNELS_FILE, or the ready example of that name in docs/messengers/custom. */
  readonly channel: Channel | { readonly example: string, readonly secrets: readonly string[] }
  readonly original: readonly Original[]
  readonly webhooks: ReadonlyArray<{ readonly headers: Readonly<Record<string, string>>, readonly body: unknown }>
  readonly expected: Readonly<Record<string, string>>
  readonly outcome?: string
}

interface Verification { readonly kind: string, readonly header: string, readonly prefix?: string, readonly content?: string, readonly timestampHeader?: string }

const cases = globSync(join(import.meta.dirname, '*.json')).sort().map(path => {
  const file = JSON.parse(readFileSync(path, 'utf8')) as Case
  return { id: basename(path, '.json').toLowerCase().slice(0, 64), ...shift(file, file.now, Math.floor(Date.now() / 1000)) }
})

function channelOf ({ id, channel }: typeof cases[number], apiUrl: string): Channel {
  const entry = 'example' in channel ? { ...example(String(channel.example)), secrets: channel.secrets } as unknown as Channel : channel
  return { ...entry, id, ...'apiUrl' in entry ? { apiUrl } : {} } as Channel
}

/** The signature of a messenger that signs. The others send their secret in a header or in the body, where the file has it. */
function sign ({ messenger, secrets: [secret = ''], verify }: Channel, body: string): Record<string, string> {
  const hmac = (algorithm: string, content = body) => createHmac(algorithm, secret).update(content).digest('hex')
  if (messenger === 'waha') return { 'x-webhook-hmac': hmac('sha512') }
  if (messenger === 'meta') return { 'x-hub-signature-256': `sha256=${hmac('sha256')}` }
  const { kind, header, prefix = '', content = '{body}', timestampHeader } = (verify ?? { kind: '', header: '' }) as Verification
  if (messenger !== 'custom' || kind !== 'hmac') return {}
  const timestamp = String(Math.floor(Date.now() / 1000))
  const signed = content.replace('{timestamp}', timestamp).replace('{body}', () => body)
  return { [header]: prefix + hmac('sha256', signed), ...timestampHeader === undefined ? {} : { [timestampHeader]: timestamp } }
}

/** Everybody whom the cases' channels would have to ask VK or Meta for. */
const people = cases.flatMap(({ original }) => original).map(({ user }) => ({ id: Number(user.id), first_name: 'Original', last_name: 'Name' }))

t.test('each conversation ends as the operator must see it', async t => {
  const api = await startPeopleApi(t, people)
  const channels = new Map(cases.map(file => [file.id, channelOf(file, api.url)] as const))
  const { connector, portal, lines, post, drained, shown } = await startMessengers(t, [...channels.values()])

  for (const { id, original, webhooks } of cases) {
    await connector.send(original)
    for (const { headers, body } of webhooks) {
      const text = JSON.stringify(body)
      const channel = channels.get(id) as Channel
      const { status } = await post(id, text, { ...headers, ...sign(channel, text) })
      t.equal(status, 200, id)
    }
  }
  await drained()

  for (const { id, title, original, expected, outcome } of cases) {
    for (const [message, text] of Object.entries(expected)) {
      const chat = original.find(sent => sent.message.id === message)?.chat.id
      const found = await shown(message, text, chat)
      t.equal(found?.text.replaceAll('\u200b', ''), text, `${id}: ${title}`)
      t.equal(found?.deleted, false, id)
    }
    if (outcome === undefined) continue
    const edits = lines.filter(line => line.event === 'webhook.accepted' && line.channel === id).flatMap(line => line.edits as { outcome: string, reason?: string }[])
    const [, wanted, reason] = /^(\w+)(?:: ([\w-]+))?/.exec(outcome) ?? []
    t.match(edits.at(-1), { outcome: wanted, ...reason === undefined ? {} : { reason } }, `${id}: ${outcome}`)
    t.equal(edits.at(-1)?.reason, reason, `${id}: ${outcome}`)
  }
  t.notMatch(JSON.stringify(await portal.users()), /"Guest"/, 'no client loses the name')
})

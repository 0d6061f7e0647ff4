import { z } from 'zod'
import { parseJson } from '../../bitrix24/answer.ts'
import { eventHandler } from '../../bitrix24/binding.ts'
import { MESSAGE_UPDATE } from '../../bitrix24/event-form.ts'
import type { Channel } from '../../config/channels.ts'
import type { Exchange } from '../../http/exchange.ts'
import { PROBLEM_TYPE } from '../../http/problem.ts'
import { SILENT_AFTER } from '../../operations/confirmations.ts'
import type { PortalRecord } from '../../outbox/portals.ts'
import type { StoreSnapshot } from '../../outbox/store.ts'
import { fault, ok, open, read, toIso, type Ask, type Finding } from './finding.ts'

/** Makes a GET request. */
export type Reach = (url: URL) => Promise<Exchange>

const handlers = z.array(z.object({ event: z.string(), handler: z.string() }))

/** When a channel last received a webhook, and how many of its edits the portal has found. */
export function examineChannel ({ id }: Pick<Channel, 'id'>, { confirmations, activity }: Pick<StoreSnapshot, 'confirmations' | 'activity'>, isListening: boolean): Finding {
  const count = (state: 'confirmed' | 'unconfirmed' | 'unknown') => confirmations.reduce((sum, tally) => tally.channel === id ? sum + tally[state] : sum, 0)
  const [confirmed, unconfirmed] = [count('confirmed'), count('unconfirmed')]
  const delivered = confirmed + unconfirmed + count('unknown')
  const at = activity.find(({ channel }) => channel === id)?.lastWebhookAt
  const webhook = at === undefined ? 'no webhook has come within RETENTION_DAYS' : `the last webhook came at ${toIso(at)}`
  const edits = delivered === 0 ? 'no edit is delivered' : !isListening ? `delivered edits: ${delivered}` : `${confirmed} of ${delivered} delivered edits are confirmed`
  const words = `${id}: ${webhook}, ${edits}`
  if (confirmed === 0 && unconfirmed > 0) {
    const finding = unconfirmed < SILENT_AFTER ? open : fault
    return finding('channel', `${words}, and ${unconfirmed} ought to be`, 'compare its connector, line and "ids" with those of the original messages: `npm run -s relay -- ids <dialog>` shows them')
  }
  return at === undefined ? open('channel', words, `set the sender's webhook to https://<this relay>/webhooks/${id}`) : ok('channel', words)
}

/** Whether the relay answers at PUBLIC_URL. A proxy may pass only the paths that others need, and there the relay answers with a problem document. */
export async function examineAddress (publicUrl: string | null, record: PortalRecord, reach: Reach): Promise<Finding> {
  if (publicUrl === null) return open('events', 'PUBLIC_URL is not set, so the portal reports no edits, and none is ever confirmed', 'set PUBLIC_URL to the relay\'s own https address')
  const exchanges: Exchange[] = []
  for (const path of ['/livez', '/bitrix24/events']) {
    const exchange = await reach(new URL(publicUrl + path))
    if (isRelay(exchange)) return ok('address', `${publicUrl} answers, asked from this machine: whether it does so to the portal, only events can show`)
    exchanges.push(exchange)
  }
  const [first] = exchanges as [Exchange]
  const words = `${publicUrl}/livez, asked from this machine, ${first.kind === 'response' ? `answers ${first.status}, and not as a relay` : `does not answer (${first.cause})`}`
  return lastEventOf(record) === null
    ? fault('address', words, 'check the DNS record, the certificate and the proxy, or correct PUBLIC_URL')
    : open('address', words, 'nothing to do if events arrive: this machine may lack a way to its own public address')
}

/** Whether the portal has our handler, which is never shown: the key in it is a secret. */
export async function * examineBinding (publicUrl: string, record: PortalRecord, ask: Ask): AsyncGenerator<Finding> {
  const { eventKey } = record
  if (eventKey === null) {
    yield fault('events', 'the relay has not asked the portal yet to report edits', 'start the relay with PUBLIC_URL')
    return
  }
  const listed = read(handlers, await ask('event.get'), 'events')
  if ('finding' in listed) {
    yield listed.finding
    return
  }
  const ours = listed.value.filter(({ event, handler }) => event.toLowerCase() === MESSAGE_UPDATE.toLowerCase() && handler.endsWith(eventHandler('', eventKey)))
  if (ours.length === 0) {
    yield fault('events', 'the portal does not report edits to this relay', 'restart the relay, which binds again; events.not-bound in its log says why it cannot')
  } else if (!ours.some(({ handler }) => handler === eventHandler(publicUrl, eventKey))) {
    yield fault('events', `the portal reports edits to ${ours.map(({ handler }) => handler.slice(0, -eventHandler('', eventKey).length)).join(', ')}, and not to PUBLIC_URL`, 'restart the relay, which then binds the new address')
  } else {
    const lastEventAt = lastEventOf(record)
    yield lastEventAt === null
      ? open('events', `the portal is asked to report edits to ${publicUrl}, but no event has come yet`, 'edit a message; if the portal shows the new text and no event comes, it cannot reach PUBLIC_URL')
      : ok('events', `the portal reports edits to ${publicUrl}; the last event came at ${toIso(lastEventAt)}`)
  }
}

/** The time of the last event since the binding. */
function lastEventOf ({ eventBinding, lastEventAt }: PortalRecord): number | null {
  return eventBinding !== null && lastEventAt !== null && lastEventAt >= eventBinding.boundAt ? lastEventAt : null
}

function isRelay (exchange: Exchange): boolean {
  if (exchange.kind !== 'response') return false
  const body = parseJson(exchange.body.toString('utf8'))
  const isAlive = exchange.status === 200 && typeof body === 'object' && body !== null && 'status' in body && body.status === 'live'
  return isAlive || String(exchange.headers['content-type']).startsWith(PROBLEM_TYPE)
}

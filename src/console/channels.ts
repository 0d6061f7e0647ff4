import { fill } from '../base/fill.ts'
import type { MessengerName } from '../messengers/registry.ts'
import type { ChannelActivity } from '../operations/activity.ts'
import { ACTIVITY_OUTCOMES } from '../outbox/activity.ts'
import { address } from './filter.ts'
import { html, type Html } from './html.ts'
import { page, type View } from './page.ts'
import { empty, exactTime, foreign, number, share, time } from './parts.ts'

export interface ShownChannel extends ChannelActivity {
  readonly messenger: MessengerName
  readonly connector: string
  readonly line: number
  /** The origin; the rest of the address may be secret. */
  readonly upstream: string | null
}

export interface Channels {
  readonly channels: readonly ShownChannel[]
  /** Where messengers reach the relay; guessed from the request if PUBLIC_URL is not set. */
  readonly base: string
  readonly isGuessed: boolean
  readonly isListening: boolean
}

export function channelsPage (view: View, shown: Channels): string {
  const { texts: { channels: words } } = view
  return page(view, {
    title: words.title,
    current: 'channels',
    isLive: true,
    body: html`${shown.isGuessed && shown.channels.length > 0 && html`<p class="notice">${words.guessed}</p>`}
${shown.channels.length > 3 && html`<ul class="counts">${shown.channels.map(({ id }) => html`<li><a href="#${id}">${id}</a></li>`)}</ul>`}
${shown.channels.length === 0 ? empty(words.empty, words.emptyTodo) : shown.channels.map(channel => channelPart(view, shown, channel))}`,
  })
}

function channelPart (view: View, { base, isListening }: Channels, channel: ShownChannel): Html {
  const { texts } = view
  const { channels: words } = texts
  const { id, messenger, connector, line, upstream, lastWebhookAt, lastUnreadable, lastForwardFailure, hour, day } = channel
  const happened = ACTIVITY_OUTCOMES.filter(outcome => hour[outcome] > 0)
  return html`<section class="channel" id="${id}"><h2>${id}</h2>
${lastWebhookAt === null && html`<div class="empty"><p>${fill(words.noWebhook, { messenger })}</p><p><code>${base}/webhooks/${id}</code></p><p>${words.setUp[messenger]}</p></div>`}
<dl class="facts">
<dt>${words.messenger}</dt><dd><code>${messenger}</code></dd>
<dt>${words.feeds}</dt><dd><code>${connector}</code> / ${line}</dd>
${lastWebhookAt !== null && html`<dt>${words.address}</dt><dd><code>${base}/webhooks/${id}</code></dd>`}
${upstream !== null && html`<dt>${words.upstream}</dt><dd><code>${upstream}</code></dd>`}
${lastWebhookAt !== null && html`<dt>${words.lastWebhook}</dt><dd>${exactTime(lastWebhookAt, view)}</dd>`}
<dt>${words.hour}</dt><dd>${happened.length === 0 ? words.nothing : html`<ul class="counts">${happened.map(outcome => html`<li>${words.outcomes[outcome]}: <b>${number(hour[outcome], view)}</b></li>`)}</ul>`}</dd>
${lastUnreadable !== null && html`<dt>${words.unreadable}</dt><dd>${time(lastUnreadable.at, view)}: <span lang="en">${foreign(lastUnreadable.detail)}</span></dd>`}
${lastForwardFailure !== null && html`<dt>${words.forwardFailed}</dt><dd>${time(lastForwardFailure.at, view)}: <span lang="en">${foreign(lastForwardFailure.detail)}</span></dd>`}
<dt>${words.confirmed}</dt><dd>${isListening ? share(day.confirmed, day.delivered, view) ?? texts.overview.noShare : texts.overview.notListening}</dd>
</dl>
<p><a href="${address('/console/edits', { channel: id })}">${texts.nav.edits}<span class="unseen"> ${id}</span></a></p>
${view.session?.role === 'admin' && html`<details><summary>${words.try}<span class="unseen"> ${id}</span></summary><form method="post" action="/console/channels/${id}/preview"><p>${words.tryText}</p><label for="payload-${id}">${words.payload}</label><textarea id="payload-${id}" name="payload" rows="8" required spellcheck="false"></textarea><label for="headers-${id}">${words.headers}</label><textarea id="headers-${id}" name="headers" rows="3" spellcheck="false"></textarea><button>${words.tryButton}</button></form></details>`}
</section>`
}

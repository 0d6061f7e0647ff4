import t from 'tap'
import fc from 'fast-check'
import { Unauthenticated } from '../../../src/base/errors.ts'
import { vk as module } from '../../../src/messengers/vk/vk.ts'
import { fixture } from '../fixture.ts'

const secret = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map(code => String.fromCharCode(code)), minLength: 16, maxLength: 50 })

function isAuthentic (body: string, secrets: readonly string[]): boolean {
  const messenger = module.create({ secrets, settings: { groupId: 220011223, confirmation: 'c0ffee42', messageId: 'conversation_message_id' } })
  try {
    messenger.verify({ method: 'POST', query: '', headers: {}, body: Buffer.from(body) }, Date.now())
    return true
  } catch (error) {
    if (error instanceof Unauthenticated) return false
    throw error
  }
}

/** As PHP's json_encode does by default. */
function escapeLikePhp (json: string): string {
  return json.replaceAll('/', '\\/').replace(/[\u0080-\uffff]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

t.test('any secret that a channel can have is found, escaped or not, and another is not', async () => {
  const event = JSON.parse(fixture('vk/message_edit', { secret: undefined }).toString()) as object
  fc.assert(fc.property(secret, secret, (secret, other) => {
    const json = JSON.stringify({ ...event, secret })
    const forms = [json, escapeLikePhp(json), JSON.stringify(JSON.parse(json), null, 2), JSON.stringify({ secret, ...event, object: { secret: other } })]
    return secret === other || forms.every(body => isAuthentic(body, [secret]) && isAuthentic(body, [other, secret]) && !isAuthentic(body, [other]))
  }), { numRuns: 300 })
})

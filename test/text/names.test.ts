import t from 'tap'
import fc from 'fast-check'
import { listActive } from '../../sandbox/bbcode.ts'
import { address, addressClient } from '../../src/edit/address.ts'
import { channel } from '../channel.ts'
import { dangerousText } from './arbitrary.ts'
import { align } from './shown.ts'

/** What acts in a text of the client's, beside the picture of a smiley and the link of an address. */
const acting = (sent: string | undefined) => listActive(sent ?? '', { markdown: true }).filter(({ tag }) => tag !== 'smile' && tag !== 'address')

const files = (name: string) => [{ url: 'https://e.com/f', name }, { url: 'https://e.com/[b]x[/b]' }]

t.test('nothing acts in the names of users, chats and files, and they read as they are', async () => {
  fc.assert(fc.property(dangerousText, dangerousText, fc.boolean(), (name, lastName, cleanNames) => {
    const user = { id: '1', name, lastName }
    const edit = { user, message: { id: '2', text: '', files: files(name) }, chat: { id: '3', name }, revision: { at: 1, tie: 0n } }
    const addressed = address(edit, channel({ cleanNames }))
    const client = addressClient({ user, chat: '3', revision: { at: 1, tie: 0n } }, channel({ cleanNames }))
    const sent = [addressed.user.name, addressed.user.lastName, client?.name, addressed.chat.name, addressed.message.text, ...addressed.message.files.map(file => file.name)]
    for (const text of sent) if (acting(text).length > 0) throw new Error(JSON.stringify(text))
    if (!cleanNames) align(name, addressed.user.name ?? '')
    align(name, addressed.chat.name ?? '')
  }), { numRuns: 500 })
})

import t from 'tap'
import { createVkLookUp } from '../../../src/messengers/vk/users.ts'

const TOKEN = 'vk1.a.0123456789abcdef'
const lookUp = createVkLookUp(TOKEN)
const read = (body: unknown, status = 200) => lookUp.read(['1'], status, body)

t.test('the question goes to VK, with the token in its body and nowhere else', async t => {
  const { url, headers, form } = lookUp.request(['1', '2'])
  t.equal(url.href, 'https://api.vk.com/method/users.get')
  t.strictSame(headers, {})
  t.strictSame(Object.fromEntries(form ?? []), { user_ids: '1,2', fields: 'sex,has_photo,photo_200', v: '5.199', access_token: TOKEN })
})

t.test('whom VK knows comes with name, picture, page and gender', async t => {
  const answer = read({
    response: [
      { id: 1, first_name: 'Анна', last_name: 'Петрова', sex: 1, has_photo: 1, photo_200: 'https://sun1.userapi.example/a.jpg' },
      { id: 212345678901, first_name: 'Boris', last_name: '', sex: 0, has_photo: 0, photo_200: 'https://vk.com/images/camera_200.png' },
    ],
  })
  t.equal(answer.kind, 'answered')
  t.strictSame(answer.kind === 'answered' && [...answer.profiles.values()], [
    { id: '1', name: 'Анна', lastName: 'Петрова', pictureUrl: 'https://sun1.userapi.example/a.jpg', url: 'https://vk.com/id1', gender: 'female' },
    { id: '212345678901', name: 'Boris', lastName: '', pictureUrl: undefined, url: 'https://vk.com/id212345678901', gender: undefined },
  ])
})

t.test('who was deleted, or never was, is unknown', async t => {
  for (const body of [{ response: [] }, { response: [{ id: 1, first_name: 'DELETED', last_name: '', deactivated: 'deleted' }] }, { response: [null, 7] }, { error: { error_code: 113 } }]) {
    const answer = read(body)
    t.equal(answer.kind === 'answered' && answer.profiles.size, 0, JSON.stringify(body))
  }
  const banned = read({ response: [{ id: 1, first_name: 'Anna', deactivated: 'banned' }] })
  t.match(banned.kind === 'answered' && banned.profiles.get('1'), { name: 'Anna' })
})

t.test('what the owner must mend is told from what passes by itself', async t => {
  for (const code of [5, 7, 15, 27, 28]) t.strictSame(read({ error: { error_code: code, error_msg: 'words' } }), { kind: 'refused', code: `VK_${code}` })
  for (const code of [1, 6, 9, 10, 29, 9999]) t.strictSame(read({ error: { error_code: code, error_msg: 'words' } }), { kind: 'unavailable', code: `VK_${code}` })
  for (const body of [null, {}, [], { response: 7 }, { error: 'x' }]) t.strictSame(read(body), { kind: 'unavailable', code: 'UNREADABLE' }, JSON.stringify(body))
  t.strictSame(read(null, 502), { kind: 'unavailable', code: 'HTTP_502' })
  t.strictSame(read({ response: [] }, 302), { kind: 'unavailable', code: 'HTTP_302' })
})

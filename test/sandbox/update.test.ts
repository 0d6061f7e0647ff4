import t from 'tap'
import { build, day, echo, item, ivan } from './helper.ts'

t.test('an edit replaces the text, marks the message and keeps every text it had', async t => {
  const portal = await build(t)
  await portal.send(item('first'))
  const answer = await portal.update(item('second'))
  t.equal(answer.status, 200)
  t.match(echo(answer), { SUCCESS: true, message: { id: 'm1', date: {}, text: 'second' } })
  t.notOk('session' in echo(answer), 'only send.messages names a session')
  const message = await portal.message('m1')
  t.match(message, { connector: 'relay_demo', line: 1, chat: 'c1', user: '42', text: 'second', edited: true, deleted: false })
  t.same(message.history.map(({ text }) => text), ['first', 'second'])
})

t.test('an edit that finds nothing answers SUCCESS all the same', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  const strangers = {
    'an unknown message': item('x', { id: 'nobody' }),
    'an unknown chat': item('x', { chat: { id: 'c2' } }),
    'another user': item('x', { user: { id: '43', name: 'Eve' } }),
    'no message id': { user: ivan, message: { text: 'x' }, chat: { id: 'c1' } },
  }
  for (const [name, stranger] of Object.entries(strangers)) {
    t.match(echo(await portal.update(stranger)), { SUCCESS: true }, name)
  }
  const other = await portal.call('imconnector.update.messages', { CONNECTOR: 'relay_demo', LINE: 2, MESSAGES: [item('x')] })
  t.match(echo(other), { SUCCESS: true }, 'another line')
  t.match(await portal.message('m1'), { text: 'original', edited: false })
})

t.test('after three days an edit is dropped without a word', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  await portal.advance(3 * day - 2_000)
  const fresh = await portal.renewed()
  t.match(echo(await fresh.update(item('just in time'))), { SUCCESS: true })
  await portal.advance(4_000)
  t.match(echo(await fresh.update(item('too late'))), { SUCCESS: true })
  t.equal((await portal.message('m1')).text, 'just in time')
})

t.test('an edit whose text is empty after trimming deletes the message', async t => {
  for (const text of [' ', '[br]', '[BR]\n\t[br] ']) {
    const portal = await build(t)
    await portal.send(item('original'))
    t.match(echo(await portal.update(item(text))), { SUCCESS: true })
    t.match(await portal.message('m1'), { deleted: true, edited: false, text: '' }, JSON.stringify(text))
  }
})

t.test('what only looks empty is kept: a zero, a no-break space, a zero width space', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  for (const [given, stored] of [[0, '0'], ['0', '0'], ['\u00A0', '\u00A0'], ['\u200B', '\u200B'], ['[Br]', '[Br]']] as const) {
    await portal.update(item(given))
    t.match(await portal.message('m1'), { deleted: false, text: stored })
  }
})

t.test('an edit with nothing but a file deletes the message if the file could be downloaded', async t => {
  const portal = await build(t)
  await portal.send(item('one', { id: 'a' }), item('two', { id: 'b' }))
  const answer = await portal.update(
    item('', { id: 'a', files: [{ url: 'https://example.com/a.pdf' }] }),
    item('', { id: 'b', files: [{ url: 'not an address' }] }))
  t.match(echo(answer, 0), { SUCCESS: true, message: { files: [Number] } })
  t.same(echo(answer, 1), { SUCCESS: false, ERRORS: ['Incomplete data'] })
  t.equal((await portal.message('a')).deleted, true)
  t.match(await portal.message('b'), { deleted: false, text: 'two' })
})

t.test('the three days protect nobody from a deletion', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  await portal.advance(30 * day)
  await (await portal.renewed()).update(item(' '))
  t.equal((await portal.message('m1')).deleted, true)
})

t.test('a deleted message stays deleted', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  await portal.update(item(' '))
  t.match(echo(await portal.update(item('back?'))), { SUCCESS: true })
  t.match(await portal.message('m1'), { deleted: true, text: '' })
})

t.test('files of an edit are taken and never shown', async t => {
  const portal = await build(t)
  await portal.send(item('with a file', { files: [{ url: 'https://example.com/old.pdf' }] }))
  await portal.update(item('new caption', { files: [{ url: 'https://example.com/new.pdf' }] }))
  t.match(await portal.message('m1'), { text: 'new caption', files: ['https://example.com/old.pdf'] })
})

t.test('a text of more than 20,006 characters is cut to 20,000 and marked', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  await portal.update(item('😀'.repeat(20_006)))
  t.equal([...(await portal.message('m1')).text].length, 20_006, 'characters count, not UTF-16 units')
  await portal.update(item('я'.repeat(20_007)))
  t.equal((await portal.message('m1')).text, `${'я'.repeat(20_000)} (...)`)
})

t.test('entities and the old emoji notation are decoded before the text is stored', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  const answer = await portal.update(item('&#91;b&#93;&lt;&gt;&quot;a#BR#b&nbsp;c &amp;amp; :f09f9880: :beef: 12:30:45'))
  t.match(echo(answer), { message: { text: '&#91;b&#93;&lt;&gt;&quot;a#BR#b&nbsp;c &amp;amp; 😀 :beef: 12:30:45' } })
  t.equal((await portal.message('m1')).text, '[b]<>"a\nb c &amp; 😀 :beef: 12:30:45')
})

t.test('an id that was sent twice is edited twice', async t => {
  const portal = await build(t)
  await portal.send(item('one'), item('two'))
  await portal.update(item('both'))
  t.same((await portal.messages('?message=m1')).map(({ text }) => text), ['both', 'both'])
})

t.test('an id of more than 100 characters is never found again', async t => {
  const portal = await build(t)
  const long = 'x'.repeat(101)
  await portal.send(item('original', { id: long }), item('original', { id: 'y'.repeat(100) }))
  await portal.update(item('edited', { id: long }), item('edited', { id: 'y'.repeat(100) }))
  const [first, second] = await portal.messages()
  t.match(first, { message: `${'x'.repeat(97)}...`, text: 'original' })
  t.match(second, { message: 'y'.repeat(100), text: 'edited' })
})

t.test('ids are compared as strings', async t => {
  const portal = await build(t)
  await portal.send(item('original', { id: 1001, user: { id: 42 }, chat: { id: 7 } }))
  await portal.update(item('edited', { id: '1001', user: { id: '42' }, chat: { id: '7' } }))
  t.match(await portal.message('1001'), { text: 'edited', chat: '7', user: '42' })
})

t.test('an integer beyond 2^53 keeps its last digits', async t => {
  const portal = await build(t)
  const body = JSON.stringify({ CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: [item('big', { id: 'BIG' })], auth: portal.token })
  const answer = await portal.post('/rest/imconnector.send.messages', body.replace('"BIG"', '9007199254740993'))
  t.match(answer.text, '"id":9007199254740993')
  t.equal((await portal.message('9007199254740993')).text, 'big')
})

t.test('upper case in CONNECTOR passes every check and edits nothing', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  const answer = await portal.call('imconnector.update.messages', { CONNECTOR: 'RELAY_DEMO', LINE: 1, MESSAGES: [item('edited')] })
  t.type(echo(answer)['user'], 'number', 'it even makes a new user')
  t.equal((await portal.message('m1')).text, 'original')
})

t.test('a group connector has one dialog for all users of a chat', async t => {
  const portal = await build(t)
  await portal.call('imconnector.register', {
    ID: 'Group_Demo', NAME: 'Group', ICON: { DATA_IMAGE: 'data:image/svg+xml,' }, PLACEMENT_HANDLER: 'https://example.com/', CHAT_GROUP: true,
  })
  const at = { CONNECTOR: 'group_demo', LINE: 7 }
  await portal.call('imconnector.activate', { ...at, ACTIVE: 1 })
  await portal.call('imconnector.send.messages', { ...at, MESSAGES: [item('original')] })
  await portal.call('imconnector.update.messages', { ...at, MESSAGES: [item('edited by Eve', { user: { id: '43', name: 'Eve' } })] })
  t.match(await portal.message('m1'), { text: 'edited by Eve', line: 7 })
})

t.test('the answer keeps the order and the keys of the request', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  const list = await portal.update(item('a'), {}, item('b'))
  t.match(list.json, { result: { SUCCESS: true, DATA: { RESULT: [{ SUCCESS: true }, { SUCCESS: false }, { SUCCESS: true }] } } })
  const keyed = await portal.call('imconnector.update.messages', {
    CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: { second: item('c'), first: item('d') },
  })
  t.match(keyed.text, /"RESULT":\{"second":.*"first":/)
  t.equal((await portal.message('m1')).text, 'd')
  const none = await portal.update()
  t.match(none.text, '"result":{"SUCCESS":true,"DATA":{"RESULT":[]}}')
})

t.test('flags become extras, the address a description, and what is unknown comes back', async t => {
  const portal = await build(t)
  const answer = await portal.send({
    User: { ...ivan, skip_phone_validate: 'Y' },
    MESSAGE: { ID: 'm1', Text: "it's", Disable_CRM: 'Y', other: 1 },
    chat: { id: 'c1', url: 'https://example.com/1' },
    extra: { mine: 2 },
  })
  t.match(echo(answer), {
    message: { id: 'm1', text: "it's", other: 1 },
    chat: { id: 'c1', description: 'Link to original post: https://example.com/1' },
    extra: { mine: 2, skip_phone_validate: 'Y', disable_tracker: 'Y' },
    session: { ID: /^\d+$/, CHAT_ID: /^\d+$/ },
  })
  t.notOk('url' in (echo(answer)['chat'] as object))
  t.match(answer.text, 'it\\u0027s')
})

t.test('an item without user, chat or content fails alone', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  const answer = await portal.update(
    { message: { id: 'm1', text: 'x' }, chat: { id: 'c1' } },
    { user: {}, message: { id: 'm1', text: 'x' }, chat: { id: 'c1' } },
    { user: ivan, message: { id: 'm1', text: 'x' }, chat: [] },
    { user: ivan, chat: { id: 'c1' } },
    item(''), item(null), null,
    item('arrived'))
  for (let index = 0; index < 7; index++) t.same(echo(answer, index), { SUCCESS: false, ERRORS: ['Incomplete data'] }, `item ${index}`)
  t.match(echo(answer, 7), { SUCCESS: true })
  t.equal((await portal.message('m1')).text, 'arrived')
})

t.test('a malformed item breaks the whole request with HTTP 500 after the earlier ones were applied', async t => {
  for (const [name, broken] of Object.entries({
    'user is a string': { ...item('x'), user: 'Ivan' },
    'chat is a number': { ...item('x'), chat: 5 },
    'message is a string': { ...item('x'), message: 'm1' },
    'text is a list': item(['x']),
  })) {
    const portal = await build(t)
    await portal.send(item('original', { id: 'a' }), item('original', { id: 'b' }))
    const answer = await portal.update(item('applied', { id: 'a' }), broken, item('never', { id: 'b' }))
    t.match(answer, { status: 500, json: { error: 'INTERNAL_SERVER_ERROR' } }, name)
    t.equal((await portal.message('a')).text, 'applied', name)
    t.equal((await portal.message('b')).text, 'original', name)
  }
})

t.test('an element that is no array breaks the request before anything else', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  t.equal((await portal.update(item('x'), 'text')).status, 500)
  const inactive = await portal.call('imconnector.update.messages', { CONNECTOR: 'relay_demo', LINE: 9, MESSAGES: [5] })
  t.equal(inactive.status, 500, 'even before the line is looked at')
  t.equal((await portal.message('m1')).text, 'original')
})

/* global document, EventSource, fetch */

/** The newest of a chat are enough for eyes; `GET /sandbox/messages` has all of them. */
const shownMessages = 300

const chats = new Map()
const openHistories = new Set()
let current

const byId = id => document.getElementById(id)

/** Texts only ever arrive as text nodes, so nothing a client wrote can become an element. */
function element (name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** A message's body comes as texts and elements, made by the server's model of the portal's parsing. */
function drawBody (nodes) {
  return nodes.map(node => typeof node === 'string' ? document.createTextNode(node) : element(node.name, node.attributes, ...drawBody(node.children)))
}

const chatKey = message => JSON.stringify([message.connector, message.line, message.chat, message.dialog])
const clockTime = iso => new Date(iso).toLocaleTimeString()
const count = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`

function take (messages) {
  for (const message of messages) {
    const key = chatKey(message)
    if (!chats.has(key)) chats.set(key, new Map())
    chats.get(key).set(message.id, message)
    current ??= key
  }
}

function drawChats () {
  byId('chats').replaceChildren(...[...chats].map(([key, messages]) => {
    const last = [...messages.values()].at(-1)
    const button = element('button', { class: 'chat', type: 'button', 'aria-current': String(key === current) },
      element('b', {}, last.chatName || last.chat),
      element('small', {}, `line ${last.line} · ${last.connector} · ${count(messages.size, 'message')}`),
      element('small', {}, last.deleted ? 'message deleted' : last.plain || 'file'))
    button.addEventListener('click', () => {
      current = key
      draw(new Set())
      byId('messages').scrollTop = byId('messages').scrollHeight
    })
    return button
  }))
}

function drawHistory (message) {
  const latest = message.history.length - 1
  const details = element('details', {},
    element('summary', {}, message.deleted ? 'deleted' : `edited ${message.history.length > 2 ? `${latest} times` : clockTime(message.history[latest].at)}`),
    element('ol', { class: 'history' }, ...message.history.map(({ at, body }) =>
      element('li', {}, element('time', { datetime: at }, clockTime(at)), ...drawBody(body)))))
  details.open = openHistories.has(message.id)
  details.addEventListener('toggle', () => openHistories[details.open ? 'add' : 'delete'](message.id))
  return details
}

function drawMessage (message, fresh) {
  const names = ['message', message.deleted && 'deleted', fresh && 'fresh'].filter(Boolean)
  const item = element('li', { class: names.join(' ') },
    element('div', { class: 'who' },
      element('b', {}, message.userName || message.user),
      element('time', { datetime: message.createdAt }, clockTime(message.createdAt)),
      element('span', {}, `#${message.message || '—'}`)),
    element('div', { class: 'body', title: message.text }, ...message.deleted ? ['This message was deleted.'] : drawBody(message.body)))
  if (message.files.length > 0) {
    item.append(element('ul', { class: 'files' }, ...message.files.map(file => element('li', {}, file))))
  }
  if (message.edited || message.deleted) item.append(drawHistory(message))
  if (!message.deleted) {
    const button = element('button', { class: 'edit', type: 'button' }, 'edit as the operator')
    button.addEventListener('click', () => openEditor(message))
    item.append(button)
  }
  return item
}

let editedId

function openEditor (message) {
  editedId = message.id
  byId('editor-text').value = message.text
  byId('editor-problem').textContent = ''
  byId('editor').showModal()
}

byId('editor-cancel').addEventListener('click', () => byId('editor').close())

byId('editor').addEventListener('submit', async event => {
  event.preventDefault()
  const body = JSON.stringify({ id: editedId, text: byId('editor-text').value })
  try {
    const response = await fetch('/sandbox/operator-edit', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    if (!response.ok) throw new Error((await response.json()).message)
    byId('editor').close()
  } catch (error) {
    byId('editor-problem').textContent = error.message
  }
})

function draw (fresh) {
  const list = byId('messages')
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40
  const messages = [...chats.get(current)?.values() ?? []]
  byId('empty').hidden = messages.length > 0
  byId('title').textContent = messages.length === 0 ? '' : messages.at(-1).chatName || messages.at(-1).chat
  list.replaceChildren(...messages.slice(-shownMessages).map(message => drawMessage(message, fresh.has(message.id))))
  if (atEnd) list.scrollTop = list.scrollHeight
  const all = [...chats.values()].flatMap(chat => [...chat.values()])
  byId('totals').textContent = `${count(chats.size, 'chat')}, ${count(all.length, 'message')}, ` +
    `${all.filter(message => message.edited).length} edited, ${all.filter(message => message.deleted).length} deleted`
  drawChats()
}

const live = new EventSource('/live')

live.addEventListener('snapshot', event => {
  chats.clear()
  take(JSON.parse(event.data))
  if (!chats.has(current)) current = chats.keys().next().value
  draw(new Set())
})

live.addEventListener('messages', event => {
  const messages = JSON.parse(event.data)
  take(messages)
  draw(new Set(messages.map(message => message.id)))
})

function showConnection (state, text) {
  byId('connection').dataset.state = state
  byId('connection').textContent = text
}

live.addEventListener('open', () => showConnection('live', 'live'))
live.addEventListener('error', () => showConnection('waiting', 'connection lost, trying again…'))

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** What an API does with its next questions: it says who people are, at once or when it is told to, or has an answer of the test's own. */
export type Mood = 'answers' | 'silent' | { readonly status: number, readonly body: unknown }

export interface Person {
  readonly id: number
  readonly first_name: string
  readonly last_name: string
}

/**
 * The API of VK (`users.get`) and of Meta (`/v25.0/{psid}`) with people whom the test knows. `asked` are the ids of each question; `speak`
 * ends a silence.
 */
export async function startPeopleApi (t: Test, people: readonly Person[]) {
  const asked: string[][] = []
  let unanswered: (() => void)[] = []
  const tokens = new Set<unknown>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const form = new URLSearchParams(Buffer.concat(chunks).toString())
    const { pathname } = new URL(request.url ?? '', 'http://localhost')
    const isVk = pathname === '/method/users.get'
    const ids = isVk ? (form.get('user_ids') ?? '').split(',') : [pathname.replace('/v25.0/', '')]
    asked.push(ids)
    tokens.add(form.get('access_token') ?? request.headers.authorization)
    if (api.mood === 'silent') await new Promise<void>(resolve => { unanswered.push(resolve) })
    const { mood } = api
    if (mood === 'silent') return
    const known = people.filter(person => ids.includes(String(person.id)))
    const { status, body } = mood !== 'answers' ? mood : isVk ? { status: 200, body: { response: known } } : readPerson(known[0])
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const speak = (): void => {
    api.mood = 'answers'
    for (const answer of unanswered) answer()
    unanswered = []
  }
  const api = { url: `http://127.0.0.1:${port}`, asked, tokens, mood: 'answers' as Mood, speak }
  return api
}

function readPerson (person: Person | undefined) {
  if (person !== undefined) return { status: 200, body: { ...person, id: String(person.id) } }
  return { status: 400, body: { error: { message: '(#100) No profile available for this user.', type: 'OAuthException', code: 100, error_subcode: 2018218 } } }
}

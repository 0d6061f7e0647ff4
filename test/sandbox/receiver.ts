import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parse } from 'qs'
import type { Test } from 'tap'

export interface Received {
  readonly url: string
  readonly type: string | undefined
  readonly form: URLSearchParams
  /** The form as PHP would read it. */
  readonly body: Record<string, unknown>
}

export interface Receiver {
  readonly url: string
  readonly received: Received[]
  /** The first `count` requests, once they are here. */
  arrived (count: number): Promise<Received[]>
}

interface ReceiverOptions {
  readonly status?: number
  readonly answer?: string
  /** No request is answered before this. */
  readonly hold?: Promise<unknown>
}

/** A server of an application: it takes forms of the portal. */
export async function receive (t: Test, { status = 201, answer = 'thanks', hold }: ReceiverOptions = {}): Promise<Receiver> {
  const received: Received[] = []
  const waiting = new Set<() => void>()
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', chunk => { text += chunk }).on('end', () => {
      const body = parse(text, { depth: 8, parameterLimit: 1_000 })
      received.push({ url: request.url ?? '', type: request.headers['content-type'], form: new URLSearchParams(text), body })
      for (const check of waiting) check()
      Promise.resolve(hold).then(() => response.writeHead(status).end(answer), () => {})
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/bitrix24/install`,
    received,
    arrived: async count => await new Promise(resolve => {
      const check = (): void => {
        if (received.length < count) return
        waiting.delete(check)
        resolve(received.slice(0, count))
      }
      waiting.add(check)
      check()
    }),
  }
}

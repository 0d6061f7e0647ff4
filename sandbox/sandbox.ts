import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { controlRoutes } from './control/routes.ts'
import { oauthRoutes } from './oauth/routes.ts'
import { pageRoutes } from './page/routes.ts'
import { restRoutes } from './rest/routes.ts'
import { createState, type SandboxOptions, type State } from './state.ts'

interface Sandbox {
  readonly app: FastifyInstance
  readonly state: State
}

const bodyLimit = 16 * 1024 * 1024

/** A local Bitrix24: the portal's REST API, the OAuth server, the controls and the live page, not listening yet. */
export function createSandbox (options: SandboxOptions = {}): Sandbox {
  const state = createState(options)
  const app = fastify({
    bodyLimit,
    // Some faults never answer, so closing must not wait for them.
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
  })
  // The portal decides by itself what a body means, so it gets the bytes.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => { done(null, body) })
  restRoutes(app, state)
  oauthRoutes(app, state)
  controlRoutes(app, state)
  pageRoutes(app, state)
  app.addHook('onClose', async () => {
    state.clock.reset()
    await state.sender.reset()
  })
  return { app, state }
}

export interface RunningSandbox extends Sandbox {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string
  close (): Promise<void>
}

/** Listens on a free port of the loopback interface by default. */
export async function startSandbox (
  { host = '127.0.0.1', port = 0, ...options }: SandboxOptions & { host?: string, port?: number } = {}
): Promise<RunningSandbox> {
  const sandbox = createSandbox(options)
  await sandbox.app.listen({ host, port })
  const address = sandbox.app.server.address()
  if (address === null || typeof address === 'string') throw new Error('the sandbox listens on TCP only')
  return {
    ...sandbox,
    url: `http://127.0.0.1:${address.port}`,
    close: async () => { await sandbox.app.close() },
  }
}

import type {} from '@fastify/rate-limit'
import { errorCodes, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { BadRequest, Forbidden, NotFound, TooManyRequests } from '../src/base/errors.ts'
import { readAssets } from '../src/console/assets.ts'
import { errorPage } from '../src/console/message.ts'
import type { View } from '../src/console/page.ts'
import { CONTENT_SECURITY_POLICY, cookiesOf, isOwnForm, ownPath, preferred, readForm } from '../src/console/request.ts'
import { createSessions, SESSION_MS, type Session } from '../src/console/session.ts'
import { comeAgainPage, signInPage } from '../src/console/sign-in.ts'
import { languages, texts } from '../src/console/texts/texts.ts'
import { toProblem } from '../src/http/problem.ts'
import { roleOf, type Tokens } from './admin.ts'
import { consoleActs } from './console-acts.ts'
import { consolePages, type ConsoleParts } from './console-pages.ts'
import { sendPage } from './page.ts'
import { createPageLimit, createSignInLimit } from './rate-limits.ts'

const SESSION_COOKIE = 'relay_session'
const LANGUAGE_COOKIE = 'relay_language'
/** A path of 2,000 characters and a token, escaped. */
const SMALL_FORM = 8 * 1024
const YEAR_S = 365 * 24 * 3600

interface ConsoleRoutesOptions extends Omit<ConsoleParts, 'viewOf'> {
  readonly tokens: Tokens
  /** Masks ids for the log. */
  readonly maskId: (id: string) => string
}

class NotOurForm extends Forbidden {}

/** `/console`: the operator's pages. */
export async function consoleRoutes (app: FastifyInstance, options: ConsoleRoutesOptions): Promise<void> {
  const { tokens, publicUrl, now, log } = options
  const sessions = createSessions({ adminToken: tokens.admin, viewerToken: tokens.viewer, now })
  const { files, addresses } = readAssets()
  const countFailure = createSignInLimit(app)
  const findSession = (request: FastifyRequest): Session | null => cookiesOf(request.headers.cookie, SESSION_COOKIE).map(sessions.read).find(session => session !== null) ?? null
  const countPage = createPageLimit(app, request => (findSession(request) as Session).id)

  function viewOf (request: FastifyRequest, path = ownPath(request.method === 'GET' ? request.url : undefined)): View {
    const chosen = languages.find(each => cookiesOf(request.headers.cookie, LANGUAGE_COOKIE).includes(each))
    const language = chosen ?? preferred(request.headers['accept-language'], languages)
    return { texts: texts[language], language, session: findSession(request), path, now: now(), assets: addresses }
  }

  // Browsers post forms only.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    const form = readForm(body as string)
    done(form === null ? new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE() : null, form)
  })

  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    })
    if (request.method === 'GET') return
    const { origin, 'sec-fetch-site': site } = request.headers
    if (!isOwnForm({ site: site === undefined ? undefined : String(site), origin, host: request.host, publicUrl })) throw new NotOurForm('the form is not from the console')
  })

  app.setErrorHandler((error, request, reply) => {
    const { problem: { status }, retryAfterS } = toProblem(error)
    const view = viewOf(request, '/console')
    if (status >= 500) log.error({ event: 'request.failed', method: request.method, route: request.routeOptions.url, status, err: error }, 'request.failed')
    if (retryAfterS !== null) reply.header('retry-after', retryAfterS)
    sendPage(reply.code(status), errorPage(view, status, error instanceof NotOurForm ? view.texts.errors.otherOrigin : undefined))
  })

  app.get('/console/assets/:name', { schema: { hide: true } }, async (request, reply) => {
    const asset = files.get((request.params as { name: string }).name)
    if (asset === undefined) throw new NotFound('no such file')
    if (request.url.endsWith(`?${asset.digest}`)) reply.header('cache-control', `public, max-age=${YEAR_S}, immutable`)
    return await reply.type(asset.type).send(asset.body)
  })

  app.post('/console/language', { schema: { hide: true }, bodyLimit: SMALL_FORM }, async (request, reply) => {
    const { language, to } = fieldsOf(request)
    const chosen = languages.find(each => each === language)
    if (chosen === undefined) throw new BadRequest('no such language')
    return await reply.header('set-cookie', cookie(request, LANGUAGE_COOKIE, chosen, YEAR_S)).redirect(ownPath(to), 303)
  })

  app.post('/console/sign-in', { schema: { hide: true }, bodyLimit: SMALL_FORM }, async (request, reply) => {
    const { token = '', to } = fieldsOf(request)
    const role = roleOf(tokens, token)
    if (role !== null) {
      const { session, value } = sessions.open(role)
      log.info({ event: 'console.signed-in', session: session.id, role }, 'console.signed-in')
      return await reply.header('set-cookie', cookie(request, SESSION_COOKIE, value, SESSION_MS / 1000)).redirect(ownPath(to), 303)
    }
    const view = { ...viewOf(request, ownPath(to)), session: null }
    try {
      await countFailure(request, reply)
      log.warn({ event: 'console.refused' }, 'console.refused')
    } catch (error) {
      if (!(error instanceof TooManyRequests)) throw error
      return await sendPage(reply.code(429).header('retry-after', error.retryAfterS), signInPage(view, 'tooMany'))
    }
    return await sendPage(reply.code(401), signInPage(view, 'wrong'))
  })

  app.post('/console/sign-out', { schema: { hide: true }, bodyLimit: SMALL_FORM }, async (request, reply) => {
    const session = findSession(request)
    if (session !== null) log.info({ event: 'console.signed-out', session: session.id }, 'console.signed-out')
    return await reply.header('set-cookie', cookie(request, SESSION_COOKIE, '', 0)).redirect('/console', 303)
  })

  // Apart, because what follows needs a session, before the body is received.
  await app.register(async signedIn => {
    signedIn.addHook('onRequest', async (request, reply) => {
      const session = findSession(request)
      if (session === null) return await askToSignIn(request, reply)
      await countPage(request, reply)
      if (request.method !== 'GET' && session.role !== 'admin') throw new Forbidden('a viewer only reads')
    })
    consolePages(signedIn, { ...options, viewOf })
    consoleActs(signedIn, { ...options, viewOf, sessionOf: request => findSession(request) as Session })
  })

  async function askToSignIn (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const view = viewOf(request)
    if (request.headers['sec-fetch-site'] === 'cross-site' && request.method === 'GET') {
      const again = `/console/again?${new URLSearchParams({ to: view.path })}`
      return await sendPage(reply.code(401).header('refresh', `0;url=${again}`), comeAgainPage(view, again))
    }
    const to = (request.query as { to?: unknown }).to
    const path = request.url.startsWith('/console/again?') ? ownPath(String(to)) : view.path
    return await sendPage(reply.code(401), signInPage({ ...view, path }, cookiesOf(request.headers.cookie, SESSION_COOKIE).length === 0 ? null : 'over'))
  }
}

/** The fields of a form. */
function fieldsOf (request: FastifyRequest): Readonly<Record<string, string | undefined>> {
  return (request.body ?? {}) as Readonly<Record<string, string | undefined>>
}

/** The browser itself says by `Origin` whether it sees https, also if a proxy does not. */
function cookie (request: FastifyRequest, name: string, value: string, maxAgeS: number): string {
  const isSecure = request.protocol === 'https' || request.headers.origin?.startsWith('https:') === true
  return `${name}=${value}; Path=/console; Max-Age=${maxAgeS}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`
}

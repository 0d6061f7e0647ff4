import Fastify, { type FastifyInstance, type RouteOptions } from 'fastify'
import type { OpenAPI } from 'openapi-types'

/** `/openapi.json`, of all routes registered after it. */
export function registerOpenapi (app: FastifyInstance, version: string): void {
  const routes: RouteOptions[] = []
  let document: Promise<OpenAPI.Document> | null = null
  app.addHook('onRoute', route => { routes.push(route) })
  app.get('/openapi.json', { schema: { hide: true } }, async () => await (document ??= describe(routes, version)))
}

/** On an instance that only describes, once somebody asks: loading what describes would take a twentieth of every start. */
async function describe (routes: readonly RouteOptions[], version: string): Promise<OpenAPI.Document> {
  const [{ default: swagger }, { jsonSchemaTransform }] = await Promise.all([import('@fastify/swagger'), import('fastify-type-provider-zod')])
  const app = Fastify({ exposeHeadRoutes: false })
  app.setValidatorCompiler(() => value => ({ value }))
  app.setSerializerCompiler(() => value => JSON.stringify(value))
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'imconnector-relay', version, description: 'Makes edits of messages appear in the open lines of Bitrix24' },
    },
    transform: jsonSchemaTransform,
  })
  for (const { method, url, schema } of routes) app.route({ method, url, ...schema === undefined ? {} : { schema }, handler: () => {} })
  await app.ready()
  return app.swagger()
}

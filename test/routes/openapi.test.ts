import t from 'tap'
import { buildRelay } from '../relay.ts'

t.test('the document describes the webhook from the schemas that read it', async t => {
  const { app } = await buildRelay(t)
  const answer = await app.inject({ url: '/openapi.json' })
  t.equal(answer.statusCode, 200)
  t.match(answer.headers['content-type'], /^application\/json/)
  const document = answer.json()
  t.match(document, { openapi: /^3\.1\./, info: { title: 'imconnector-relay', version: '0.0.0' } })
  t.ok(['/webhooks/{channel}', '/livez', '/readyz'].every(path => path in document.paths))

  const { post } = document.paths['/webhooks/{channel}']
  t.strictSame(post.parameters.map((parameter: { name: string, in: string, required: boolean }) => [parameter.in, parameter.name, parameter.required]), [
    ['path', 'channel', true], ['header', 'webhook-id', true], ['header', 'webhook-timestamp', true], ['header', 'webhook-signature', true],
  ])
  const event = post.requestBody.content['application/json'].schema
  t.match(event, { type: 'object', required: ['type', 'data'], properties: { type: { enum: ['message.edited'] } } })
  const [one, many] = event.properties.data.anyOf
  t.strictSame(one.required, ['user', 'message', 'chat'])
  t.match(many, { type: 'array', minItems: 1, maxItems: 100 })
  t.match(one.properties.message.properties.id.anyOf, [{ type: 'string', minLength: 1, maxLength: 1000 }, { type: 'integer' }])
  t.strictSame(Object.keys(post.responses), ['202', '400', '401', '404', '413', '415', '429', '503'])
  t.match(post.responses['400'].content['application/problem+json'].schema, { type: 'object', properties: { errors: { type: 'array' } } })
})

t.test('every operation has what OpenAPI asks of it, and no reference leads nowhere', async t => {
  const { app } = await buildRelay(t)
  const document = (await app.inject({ url: '/openapi.json' })).json()
  for (const [path, operations] of Object.entries<Record<string, { responses?: Record<string, { description?: string }> }>>(document.paths)) {
    t.match(path, /^\//)
    for (const [method, operation] of Object.entries(operations)) {
      t.ok(Object.values(operation.responses ?? {}).every(response => typeof response.description === 'string'), `${method} ${path}`)
      t.ok(Object.keys(operation.responses ?? {}).length > 0, `${method} ${path}`)
    }
  }
  t.notMatch(JSON.stringify(document), /"\$ref":"(?!#\/components)/)
})

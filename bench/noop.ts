import fastify from 'fastify'

/** The minimum that Fastify does for the same request: it reads the body as bytes and answers 202. */
const app = fastify({ bodyLimit: 1024 * 1024 })
app.removeAllContentTypeParsers()
app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => { done(null, body) })
app.get('/', async () => 'ready')
app.post('/webhooks/:channel', async (_request, reply) => await reply.code(202).send({ edits: [{ id: '0123456789abcdefghijkl-_', outcome: 'accepted' }] }))
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })

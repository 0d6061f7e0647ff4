import { Queue, Worker, type Job } from 'bullmq'
import { Redis } from 'ioredis'
import { listen, type Edit } from './server.ts'

/** Fastify and BullMQ: one delayed job for each message, which a newer edit replaces, as BullMQ's documentation shows for debouncing. */
const connection = new Redis({ host: '127.0.0.1', port: Number(process.env.REDIS_PORT), maxRetriesPerRequest: null })
const delay = Number(process.env.SETTLE_MS)
const queue = new Queue<Edit>('edits', { connection })

await listen({
  async keep (edit) {
    const id = `${edit.chat.id}-${edit.message.id}`
    await queue.add('edit', edit, {
      delay,
      deduplication: { id, ttl: delay, extend: true, replace: true },
      attempts: 20,
      backoff: { type: 'fixed', delay: 1000 },
      removeOnComplete: true,
    })
  },
  async work (send) {
    const worker = new Worker<Edit>('edits', async (job: Job<Edit>) => { await send(job.data) }, { connection })
    await worker.waitUntilReady()
  },
})

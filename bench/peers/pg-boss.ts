import { PgBoss } from 'pg-boss'
import { listen, type Edit } from './server.ts'

/** Fastify and pg-boss: a job for each edit, in order within a message. */
const boss = new PgBoss({ connectionString: process.env.DATABASE_URL ?? '', schema: process.env.BOSS_SCHEMA ?? 'pgboss', max: 10 })
boss.on('error', error => { console.error(error.message) })
await boss.start()
await boss.createQueue('edits', { policy: 'key_strict_fifo', retryLimit: 20, retryDelay: 1 })

await listen({
  async keep (edit) {
    await boss.send('edits', edit, { singletonKey: `${edit.chat.id}-${edit.message.id}` })
  },
  async work (send) {
    await boss.work<Edit>('edits', { pollingIntervalSeconds: 0.5 }, async ([job]) => { if (job !== undefined) await send(job.data) })
  },
})

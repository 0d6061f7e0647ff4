import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSandbox } from '../sandbox/sandbox.ts'
import { sandboxEnv, startRelayProcess } from '../demo/processes.ts'
import { percentile } from './load.ts'
import { SECRET, webhookBody } from './webhooks.ts'
import { readSecret, signStandardWebhook } from '../src/signatures/standard-webhooks.ts'

const SAMPLES = 200
const EVERY_MS = 40
const PATIENCE_MS = 10_000

export interface Latency {
  readonly samples: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Measures the latency from sending a webhook to the arrival of its call at the portal, one edit at a time. */
export async function measureLatency (databasePath: string): Promise<Latency> {
  const arrivals: number[] = []
  const sandbox = createSandbox({ limits: false })
  sandbox.app.addHook('onRequest', (request, _reply, done) => {
    if (request.url.includes('imconnector.update.messages')) arrivals.push(performance.now())
    done()
  })
  await sandbox.app.listen({ host: '127.0.0.1', port: 0 })
  const address = sandbox.app.server.address()
  if (address === null || typeof address === 'string') throw new Error('the sandbox listens on TCP only')

  const relay = await startRelayProcess({
    ...sandboxEnv(`http://127.0.0.1:${address.port}`),
    BITRIX24_PLAN: 'enterprise',
    BITRIX24_SHARE: '1',
    WEBHOOK_SECRET: SECRET,
    SETTLE_MS: '0',
    DATABASE_URL: `file:${databasePath}`,
  })
  const key = readSecret(SECRET)
  if (key === null) throw new Error('the secret of the bench is invalid')
  const latencies: number[] = []
  for (let sample = -1; sample < SAMPLES; sample++) {
    const body = webhookBody(`latency-${sample}`, Date.now())
    const headers = { 'content-type': 'application/json', ...signStandardWebhook(key, body, Date.now()) }
    const calls = arrivals.length
    const sentAt = performance.now()
    const response = await fetch(`${relay.url}/webhooks/default`, { method: 'POST', headers, body })
    if (response.status !== 202) throw new Error(`the relay answered ${response.status}: ${await response.text()}`)
    while (arrivals.length === calls && performance.now() - sentAt < PATIENCE_MS) await Promise.race([once(sandbox.app.server, 'request'), sleep(1000)])
    if (arrivals.length === calls) throw new Error(`no call within ${PATIENCE_MS} ms:\n${relay.output().slice(-2000)}`)
    // The first sample also includes the token's refresh.
    if (sample >= 0) latencies.push((arrivals[calls] as number) - sentAt)
    await sleep(EVERY_MS)
  }
  latencies.sort((a, b) => a - b)
  await relay.stop()
  await sandbox.app.close()
  return { samples: latencies.length, p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99) }
}

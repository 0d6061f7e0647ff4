import { runBatch } from '../batch.ts'

await runBatch('bitrix24')

import closeWithGrace from 'close-with-grace'
import { applications } from './applications.ts'
import { startSandbox } from './sandbox.ts'

const { PORT, HOST, SANDBOX_LIMITS } = process.env

const sandbox = await startSandbox({
  host: HOST || '127.0.0.1',
  port: PORT ? Number(PORT) : 4000,
  limits: SANDBOX_LIMITS !== 'off',
})

closeWithGrace({ delay: 5_000, logger: false }, async ({ err }) => {
  if (err) console.error(err)
  await sandbox.close()
})

console.log(`sandbox listening on ${sandbox.url}`)
console.log(`applications: ${applications.map(({ clientId, clientSecret, firstRefreshToken }) =>
  `${clientId} (secret ${clientSecret}, refresh token ${firstRefreshToken})`).join(', ')}; limits ${SANDBOX_LIMITS === 'off' ? 'off' : 'on'}`)

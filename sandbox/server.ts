import closeWithGrace from 'close-with-grace'
import { applications } from './applications.ts'
import { startSandbox } from './sandbox.ts'

const { PORT, HOST, SANDBOX_LIMITS } = process.env
const limits = SANDBOX_LIMITS !== 'off'

try {
  const sandbox = await startSandbox({ host: HOST || '127.0.0.1', port: PORT ? Number(PORT) : 4000, limits })
  closeWithGrace({ delay: 5_000, logger: false }, async ({ err }) => {
    if (err) console.error(err)
    await sandbox.close()
  })
  const known = applications.map(({ clientId, clientSecret, firstRefreshToken }) =>
    `${clientId} (secret ${clientSecret}, refresh token ${firstRefreshToken})`)
  console.log(`sandbox listening on ${sandbox.url}`)
  console.log(`applications: ${known.join(', ')}; limits ${limits ? 'on' : 'off'}`)
} catch (error) {
  console.error(`the sandbox cannot start: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

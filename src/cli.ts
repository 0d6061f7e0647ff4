import { readFileSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import packageJson from '../package.json' with { type: 'json' }

/** The command line. Node stores compiled code, which makes each later command a third faster. */
enableCompileCache()
const { Command, CommanderError } = await import('commander')
const { wallClock } = await import('./base/clock.ts')
const { addDoctorCommand } = await import('./cli/doctor/command.ts')
const { addOperatorCommands } = await import('./cli/operator.ts')
const { preview, previewOffline } = await import('./cli/preview.ts')
const { addReadBackCommands } = await import('./cli/read-back.ts')
const { send } = await import('./cli/send.ts')
const { readText } = await import('./config/environment.ts')
const { channelsJsonSchema } = await import('./config/schema.ts')
const { generateSecret, readSecret } = await import('./signatures/standard-webhooks.ts')

const { env } = process
const readFile = (path: string) => readFileSync(path, 'utf8')
const exitWith = (code: number): void => { process.exitCode = code }

const relayUrl = env.RELAY_URL || `http://127.0.0.1:${env.PORT || 3000}`

const program = new Command('relay').description('Commands for operators: secrets, test webhooks, diagnosis, edits').version(packageJson.version)

program.command('secret')
  .description('print a new secret for WEBHOOK_SECRET')
  .action(() => console.log(generateSecret()))

program.command('send')
  .description('sign an edit and post it to the relay, as a messenger does')
  .argument('<file>', 'JSON: a whole event or only its data; - reads standard input')
  .option('--url <url>', 'the relay\'s address', relayUrl)
  .option('--channel <id>', 'the channel\'s id', 'default')
  .option('--secret <secret>', 'the channel\'s secret (default: the first in WEBHOOK_SECRET)')
  .action(async (file: string, options: { url: string, channel: string, secret?: string }) => {
    const { status, answer } = await send({
      url: options.url,
      channel: options.channel,
      key: findKey(options.secret),
      text: readFileSync(file === '-' ? 0 : file, 'utf8'),
      now: wallClock(),
    })
    console.log(`${status} ${answer}`)
    if (status < 200 || status > 299) process.exitCode = 1
  })

addDoctorCommand(program, { env, readFile, version: packageJson.version, exitWith })

program.command('preview')
  .description('show what the relay would do with a webhook; stores and sends nothing')
  .argument('<channel>', 'the channel\'s id')
  .argument('<payload>', 'the body as the messenger sends it; - reads standard input')
  .option('--url <url>', 'the relay\'s address', relayUrl)
  .option('--header <header>', 'a header of the webhook, such as \'x-signature: abc\'; may be repeated', (header: string, others: string[]) => [...others, header], [])
  .option('--offline <channels-file>', 'without a relay, for a channel of this CHANNELS_FILE; its secrets need not be set')
  .action(async (channel: string, path: string, { url, header: headers, offline }: { url: string, header: string[], offline?: string }) => {
    const webhook = { channel, headers, payload: readFileSync(path === '-' ? 0 : path) }
    const answer = offline === undefined
      ? await preview({ url, token: findToken() }, webhook)
      : await previewOffline({ ...webhook, path: offline, env, readFile, now: wallClock() })
    console.log(JSON.stringify(answer, null, 2))
    if (answer.ignored.some(({ reason }) => reason === 'unreadable')) process.exitCode = 1
  })

program.command('schema')
  .description('print the JSON Schema of a CHANNELS_FILE, for editors')
  .action(() => console.log(JSON.stringify(channelsJsonSchema(), null, 2)))

addOperatorCommands(program, relayUrl, findToken)
addReadBackCommands(program, relayUrl, findToken, exitWith)

function findToken (): string {
  const faults: string[] = []
  const token = readText('ADMIN_TOKEN', true, env, readFile, faults)
  if (faults[0] !== undefined) throw new Error(faults[0])
  if (token === null) throw new Error('no token: set ADMIN_TOKEN to that of the relay')
  return token
}

function findKey (given: string | undefined): Buffer {
  const faults: string[] = []
  const secret = given ?? readText('WEBHOOK_SECRET', true, env, readFile, faults)?.split(',')[0]?.trim()
  if (faults[0] !== undefined) throw new Error(faults[0])
  if (secret === undefined) throw new Error('no secret: set WEBHOOK_SECRET, or give --secret')
  const key = readSecret(secret)
  if (key === null) throw new Error('the secret must be whsec_ followed by base64 of 24 to 64 bytes')
  return key
}

try {
  await program.parseAsync()
} catch (error) {
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message || error.cause.name})` : ''
  // Commander has printed its own.
  if (!(error instanceof CommanderError)) console.error(`${error instanceof Error ? error.message : String(error)}${cause}`)
  process.exitCode ??= 1
}

import type { Command } from 'commander'
import { wallClock } from '../../base/clock.ts'
import { createClient, createDispatcher } from '../../bitrix24/client.ts'
import { loadConfig } from '../../config/config.ts'
import type { Environment, ReadFile } from '../../config/environment.ts'
import { exchange } from '../../http/exchange.ts'
import { inspectStore } from '../../outbox/open.ts'
import { exitWithUsage } from '../usage.ts'
import { examine } from './doctor.ts'
import type { Finding } from './finding.ts'

interface DoctorCommandOptions {
  readonly env: Environment
  readonly readFile: ReadFile
  readonly version: string
  readonly exitWith: (code: number) => void
}

const PORTAL_TIMEOUT_MS = 20_000
const ADDRESS_TIMEOUT_MS = 10_000

/** `doctor`, which needs no running relay. */
export function addDoctorCommand (program: Command, { env, readFile, version, exitWith }: DoctorCommandOptions): void {
  program.command('doctor')
    .exitOverride(exitWithUsage(exitWith))
    .description('check all that an edit and its confirmation need, and name the remedies; changes nothing; exit code 1: there is a fault, 2: the check itself failed')
    .option('--json', 'print a JSON list of { state, subject, words, remedy }')
    .action(async ({ json = false }: { json?: boolean }) => {
      exitWith(2)
      const userAgent = `imconnector-relay/${version}`
      const dispatcher = createDispatcher({ responseTimeoutMs: PORTAL_TIMEOUT_MS })
      const findings: Finding[] = []
      for await (const finding of examine({
        load: () => loadConfig(env, readFile),
        readStore: config => inspectStore({ ...config, mayBeUnsafe: config.postgresUnsafe, now: wallClock }),
        client: createClient({ dispatcher, now: wallClock, userAgent, responseTimeoutMs: PORTAL_TIMEOUT_MS }),
        reach: url => exchange(dispatcher, { url, method: 'GET', headers: { accept: 'application/json', 'user-agent': userAgent }, body: Buffer.alloc(0) }, { signal: null, responseTimeoutMs: ADDRESS_TIMEOUT_MS, now: wallClock }),
      })) {
        findings.push(finding)
        if (!json) console.log(format(finding))
      }
      await dispatcher.close()
      if (json) console.log(JSON.stringify(findings, null, 2))
      exitWith(findings.some(({ state }) => state === 'fault') ? 1 : 0)
    })
}

function format ({ state, subject, words, remedy }: Finding): string {
  return `${state.padEnd(6)} ${subject.padEnd(14)} ${words}${remedy === null ? '' : `: ${remedy}`}`
}

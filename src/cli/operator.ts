import { Option, type Command } from 'commander'
import type { EditAnswer, StatusAnswer } from '../../routes/edits.ts'
import { EDIT_STATES } from '../edit/edit.ts'
import { askApi, formatChannel, formatEdits, type ApiOptions } from './api.ts'

interface FilterOptions {
  readonly state?: string
  readonly reason?: string
  readonly channel?: string
  readonly chat?: string
  readonly message?: string
  readonly confirmation?: string
}

/** The operator's commands for a running relay: `status`, `edits` and `redeliver`. */
export function addOperatorCommands (program: Command, defaultUrl: string, findToken: () => string): void {
  const api = (options: { readonly url: string }): ApiOptions => ({ url: options.url, token: findToken() })

  program.command('status')
    .description('show the ledger, the portal and its lines, the channels')
    .option('--url <url>', 'the relay\'s address', defaultUrl)
    .action(async (options: { url: string }) => {
      const status = await askApi<StatusAnswer>(api(options), '/api/status')
      const { ledger, backlog, portal, lines } = status
      console.log(`ledger   accepted ${ledger.accepted} = superseded ${ledger.superseded} + delivered ${ledger.delivered} + dead ${ledger.dead} + pending ${ledger.pending}`)
      if (backlog.oldestPendingAt !== null) console.log(`backlog  the oldest edit waits since ${backlog.oldestPendingAt}`)
      console.log(`portal   ${portal.host} ${portal.condition}${portal.since === null ? '' : ` since ${portal.since}`}`)
      if (portal.authorizeUrl !== null) console.log(`         an administrator can authorize the relay again at ${portal.authorizeUrl}`)
      for (const line of lines) console.log(`line     ${line.connector}/${line.line} ${line.code} since ${line.since}`)
      for (const channel of status.channels) console.log(formatChannel(channel))
    })

  withFilter(program.command('edits').description('list edits, the newest message first'), EDIT_STATES)
    .option('--url <url>', 'the relay\'s address', defaultUrl)
    .option('--limit <count>', 'the number of edits', '50')
    .option('--cursor <cursor>', 'continue after a page')
    .action(async (options: FilterOptions & { url: string, limit: string, cursor?: string }) => {
      const { url, ...query } = options
      const page = await askApi<{ edits: EditAnswer[], next: string | null }>(api({ url }), `/api/edits?${new URLSearchParams(present(query))}`)
      console.log(formatEdits(page.edits))
      if (page.next !== null) console.log(`more: --cursor ${page.next}`)
    })

  withFilter(program.command('redeliver').description('deliver finished edits again: one by its id, or all that match; only dead edits unless --state is given'), ['dead', 'delivered'])
    .argument('[id]', 'the id of an edit')
    .option('--url <url>', 'the relay\'s address', defaultUrl)
    .action(async (id: string | undefined, options: FilterOptions & { url: string }) => {
      const { url, ...filter } = options
      if (id !== undefined) {
        const edit = await askApi<EditAnswer>(api({ url }), `/api/edits/${encodeURIComponent(id)}/redeliver`, { method: 'POST' })
        console.log(formatEdits([edit]))
        return
      }
      if (Object.keys(present(filter)).length === 0) throw new Error('give an id, or a filter such as --reason rejected')
      if (filter.confirmation !== undefined && filter.state !== 'delivered') throw new Error('--confirmation is of delivered edits: add --state delivered')
      const count = await askApi<{ redelivered: number, skipped: number }>(api({ url }), '/api/edits/redeliver', { method: 'POST', body: present(filter) })
      console.log(formatCount(count))
    })
}

function formatCount ({ redelivered, skipped }: { readonly redelivered: number, readonly skipped: number }): string {
  const why = skipped === 1 ? 'it already waits for a call, or a guard refused it' : 'they already wait for a call, or a guard refused them'
  return `${redelivered} will be delivered again${skipped === 0 ? '' : `, ${skipped} cannot be: ${why}`}`
}

function withFilter (command: Command, states: readonly string[]): Command {
  return command
    .addOption(new Option('--state <state>', 'which edits').choices(states))
    .option('--reason <reason>', 'why an edit is dead, such as rejected or empty-text')
    .option('--channel <id>', 'of this channel')
    .option('--chat <id>', 'of this chat')
    .option('--message <id>', 'of this message')
    .option('--confirmation <word>', 'confirmed, unconfirmed or unknown; of delivered edits')
}

function present (fields: Readonly<Record<string, string | undefined>> | FilterOptions): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

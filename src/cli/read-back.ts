import type { Command } from 'commander'
import type { DialogAnswer, VerificationAnswer } from '../../routes/read-back.ts'
import { askApi, formatTable } from './api.ts'
import { exitWithUsage } from './usage.ts'

/** The operator's commands that ask the portal, through a running relay: `verify` and `ids`. */
export function addReadBackCommands (program: Command, defaultUrl: string, findToken: () => string, exitWith: (code: number) => void): void {
  program.command('verify')
    .exitOverride(exitWithUsage(exitWith))
    .description('read a message back from the portal; exit code 1: not there, or another text; 2: the relay could not look')
    .argument('<id>', 'the id of an edit')
    .option('--url <url>', 'the relay\'s address', defaultUrl)
    .action(async (id: string, { url }: { url: string }) => {
      exitWith(2)
      const answer = await askApi<VerificationAnswer>({ url, token: findToken() }, `/api/edits/${encodeURIComponent(id)}/verify`, { method: 'POST' })
      console.log(formatVerification(answer))
      if (answer.found !== null) exitWith(answer.matches === true ? 0 : 1)
    })

  program.command('ids')
    .description('show the connector, the line and the ids of an open line\'s chat, to set up a channel for its connector')
    .argument('<dialog>', 'the chat, such as chat123 or 123')
    .option('--url <url>', 'the relay\'s address', defaultUrl)
    .action(async (dialog: string, { url }: { url: string }) => {
      console.log(formatDialog(await askApi<DialogAnswer>({ url, token: findToken() }, `/api/dialogs/${encodeURIComponent(dialog)}`)))
    })
}

function formatVerification ({ found, text, expected, matches, note }: VerificationAnswer): string {
  const word = (answer: boolean | null) => answer === null ? 'unknown' : answer ? 'yes' : 'no'
  const lines = [['found', word(found)], ['expected', quote(expected)], ['shown', quote(text)], ['matches', word(matches)], ['note', note ?? '']]
  return formatTable(lines.filter(([, value]) => value !== ''))
}

function formatDialog ({ dialog, connector, line, chat, user, messages, note }: DialogAnswer): string {
  const known = [['dialog', dialog], ['connector', connector], ['line', String(line)], ['chat', printable(chat)], ['user', `${user} (the portal's own id)`]]
  const rows = messages.map(({ externalIds, by, at }) => [at ?? '', by, printable(externalIds.join(', '))])
  const example = messages.find(({ by, externalIds }) => by === 'client' && externalIds.length > 0)?.externalIds[0]
  const advice = `In the channel set "connector": "${connector}" and "line": ${line}, and choose the templates "ids" so that "chat" gives ${printable(chat)}` +
    `${example === undefined ? '' : ` and "message" gives ids such as ${printable(example)}`}. "user" must give the id with which the connector sends the client, which the portal does not show.`
  return [formatTable(known), ...note === null ? [formatTable([['at', 'by', 'ids'], ...rows])] : [note], advice].join('\n\n')
}

function quote (text: string | null): string {
  return text === null ? '' : printable(JSON.stringify(text))
}

/** A client's text or id must not control the terminal. */
function printable (text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, '\uFFFD')
}

import type { EditAnswer, StatusAnswer } from '../../routes/edits.ts'
import { parseJson } from '../bitrix24/answer.ts'
import { NOTHING_HERE, problemSchema, type Problem } from '../http/problem.ts'
import { ask, explainStranger } from './ask.ts'

export interface ApiOptions {
  /** The relay's address, without a path. */
  readonly url: string
  readonly token: string
}

interface ApiRequest {
  readonly method?: string
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes are sent unchanged, anything else as JSON. */
  readonly body?: object
  /** 30 s by default. */
  readonly timeoutMs?: number
}

/** Calls the relay's API. Rejects with an Error that has the relay's error message, or says why the relay does not answer, with the remedy. */
export async function askApi<Answer> ({ url, token }: ApiOptions, path: string, { method = 'GET', headers = {}, body, timeoutMs }: ApiRequest = {}): Promise<Answer> {
  const answer = await ask(url, path, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers, authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: body instanceof Uint8Array ? body : JSON.stringify(body) }),
    timeoutMs,
  })
  const { status } = answer
  const found = parseJson(answer.text)
  if (found !== undefined && status >= 200 && status <= 299) return found as Answer
  const problem = problemSchema.safeParse(found).data
  throw new Error(problem === undefined ? explainStranger(url, answer) : `${url} answered ${status}: ${explain(problem)}`)
}

/** One line for each edit, in columns. */
export function formatEdits (edits: readonly EditAnswer[]): string {
  const rows = edits.map(edit => [
    edit.id, edit.state, edit.confirmation ?? '', [edit.reason ?? '', ...edit.flags].filter(Boolean).join(','), String(edit.attempts), edit.acceptedAt, edit.channel,
    `${edit.connector}/${edit.line}`, edit.chat, edit.message,
  ])
  return formatTable([['id', 'state', 'confirmation', 'reason', 'calls', 'accepted', 'channel', 'line', 'chat', 'message'], ...rows])
}

/** Rows of cells in columns. */
export function formatTable (table: readonly string[][]): string {
  const widths = table[0]?.map((_title, column) => Math.max(...table.map(row => row[column]?.length ?? 0))) ?? []
  return table.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}

/** One line: when the last webhook came, what the last 24 hours brought, and what is wrong. */
export function formatChannel ({ id, lastWebhookAt, lastUnreadable, lastForwardFailure, day }: StatusAnswer['channels'][number]): string {
  const counts = Object.entries(day).filter(([, count]) => count > 0).map(([outcome, count]) => `${outcome} ${count}`)
  const faults = [
    ...lastUnreadable === null ? [] : [`unreadable at ${lastUnreadable.at}: ${lastUnreadable.detail}`],
    ...lastForwardFailure === null ? [] : [`not forwarded at ${lastForwardFailure.at}: ${lastForwardFailure.detail}`],
  ]
  return [`channel  ${id} last webhook ${lastWebhookAt ?? 'long ago or never'}`, `in 24 h: ${counts.join(', ') || 'nothing'}`, ...faults].join('; ')
}

function explain ({ status, detail, errors = [] }: Problem): string {
  if (status === 401) return 'ADMIN_TOKEN is not that of the relay: set it to the same value'
  if (status === 404 && detail === NOTHING_HERE) return 'the relay has no API, because its ADMIN_TOKEN is not set: set it and restart the relay'
  // The detail of a faulty filter is made of its errors.
  const isRepeated = errors.length > 0 && errors.every(fault => detail.includes(fault.detail))
  return [...isRepeated ? [] : [detail], ...errors.map(fault => `${fault.pointer} ${fault.detail}`.trim())].join('; ')
}

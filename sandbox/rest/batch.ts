import { entriesOf, field, fromEntries, isArray, isFalsy, isSet, toText, type PhpMap, type PhpValue } from '../portal/php.ts'
import { RestError, RegistrationRefused } from './errors.ts'
import type { RestMethod } from './method.ts'
import { methodName, parseForm } from './request.ts'

const longest = 50

/** Runs up to 50 calls in order. `$result[…]` in later calls, even inside a client's text, is replaced by earlier results. */
export const batch: RestMethod = {
  scopes: [],
  run: async ({ parameters, invoke }) => {
    const collected = { result: [] as Entry[], result_error: [] as Entry[], result_time: [] as Entry[] }
    const commands = isArray(parameters['CMD']) ? entriesOf(parameters['CMD']) : []
    for (const [index, [key, command]] of commands.entries()) {
      if (typeof command !== 'string') continue
      try {
        if (index >= longest) throw new RestError(400, 'ERROR_BATCH_LENGTH_EXCEEDED', `Max batch length exceeded ${longest}`)
        const { method, query } = split(command)
        if (method === 'batch') throw new RestError(400, 'ERROR_BATCH_METHOD_NOT_ALLOWED', 'Method is not allowed for batch usage')
        const earlier = Object.fromEntries(Object.entries(collected).map(([name, entries]) => [name, fromEntries(entries)]))
        const { result, time } = await invoke(method, substitute(parseForm(query), earlier) as PhpMap)
        collected.result.push([key, result])
        collected.result_time.push([key, time])
      } catch (error) {
        if (!(error instanceof RestError) && !(error instanceof RegistrationRefused)) throw error
        collected.result_error.push([key, { error: error.code, error_description: error.message }])
        if (!isFalsy(parameters['HALT'])) break
      }
    }
    return {
      result: fromEntries(collected.result),
      result_error: fromEntries(collected.result_error),
      result_total: [],
      result_next: [],
      result_time: fromEntries(collected.result_time),
    }
  },
}

type Entry = [string, PhpValue]

function split (command: string): { method: string, query: string } {
  const at = command.indexOf('?')
  return at === -1
    ? { method: methodName(command), query: '' }
    : { method: methodName(command.slice(0, at)), query: command.slice(at + 1) }
}

const reference = /\$(result|next|total|time|error)([^\s]*)/g

/** Replaces references in each value; an unknown one becomes empty. So a client's text must never be sent in a batch. */
function substitute (value: PhpValue, earlier: PhpMap): PhpValue {
  if (isArray(value)) return fromEntries(entriesOf(value).map(([key, inner]) => [key, substitute(inner, earlier)] as const))
  if (typeof value !== 'string') return value
  return value.replace(reference, (whole, name: string, path: string) => {
    const keys = [...path.matchAll(/\[([^\]]*)\]/g)]
    if (keys.length === 0) return whole
    const rest = path.slice(keys.map(([part]) => part).join('').length)
    const target = keys.reduce<PhpValue | undefined>(
      (found, [, key]) => field(found, key ?? ''), earlier[name === 'result' ? 'result' : `result_${name}`])
    return (isSet(target) ? toText(target) : '') + rest
  })
}

import t from 'tap'
import { CODE_ACTIONS } from '../../src/bitrix24/codes.ts'
import { explain, explainPark } from '../../src/console/explain.ts'
import { languages, texts } from '../../src/console/texts/texts.ts'

function keysOf (value: object, path = ''): string[] {
  return Object.entries(value).flatMap(([key, each]) => typeof each === 'object' ? keysOf(each as object, `${path}/${key}`) : [`${path}/${key}`]).sort()
}

function valuesOf (value: object): string[] {
  return Object.values(value).flatMap(each => typeof each === 'object' ? valuesOf(each as object) : [String(each)])
}

const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort()

t.test('all languages have the same texts, with the same values in them', async t => {
  for (const language of languages) {
    t.strictSame(keysOf(texts[language]), keysOf(texts.en), language)
    t.strictSame(valuesOf(texts[language]).map(placeholders), valuesOf(texts.en).map(placeholders), language)
    t.ok(valuesOf(texts[language]).every(text => text.trim() !== ''))
  }
})

t.test('each code has one sentence of what it means, and a remedy', async t => {
  const seen = new Set<string>()
  for (const code of [...Object.keys(CODE_ACTIONS), ...Object.keys(CODE_ACTIONS).map(code => code.toLowerCase()), 'ok', 'rejected', 'HTTP_502', 'RESPONSE_TIMEOUT', 'ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT', 'IMCONNECTOR_X', 'unreadable-answer', 'constructor', '']) {
    const { means, todo } = explain(code, texts.en)
    t.ok(means.length > 0 && todo.length > 0, code)
    seen.add(means)
  }
  t.equal(explain('INVALID_GRANT', texts.en), texts.en.codes.grant)
  t.equal(explain('refresh-lost', texts.en), texts.en.codes.grant)
  t.equal(explain('IMCONNECTOR_X', texts.ru), texts.ru.codes.line)
  t.equal(explain('HTTP_502', texts.en), texts.en.codes.unknownOutcome)
  t.equal(explain('HTTP_403', texts.en), texts.en.codes.denied)
  t.match(explainPark('SOME_NEW_CODE', texts.en), texts.en.codes.denied)
  t.match(explainPark('invalid_grant', texts.en), { needsGrant: true, mayGrant: true })
  t.match(explainPark('SOME_NEW_CODE', texts.en), { needsGrant: false, mayGrant: true })
  t.match(explainPark('PORTAL_MOVED', texts.en), { needsGrant: false, mayGrant: false })
  t.equal(explain('ENOTFOUND', texts.en), texts.en.codes.unreachable)
  t.ok(seen.size > 15)
})

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parser } from '@prometheus-io/lezer-promql'
import t from 'tap'
import { parse } from 'yaml'
import { freePort } from '../../../demo/processes.ts'
import { SECRET } from '../../channel.ts'
import { original } from '../../portal.ts'
import { edit, startScraped } from './running.ts'

const root = join(import.meta.dirname, '../../..')

const read = (path: string): string => readFileSync(join(root, path), 'utf8')

interface Rule { readonly alert: string, readonly expr: string, readonly labels: { readonly severity: string }, readonly annotations: { readonly summary: string, readonly description: string, readonly runbook: string } }
interface Panel { readonly type: string, readonly title: string, readonly targets?: ReadonlyArray<{ readonly expr: string }> }

const rules = (parse(read('docs/alerts.yml')) as { groups: Array<{ rules: Rule[] }> }).groups.flatMap(group => group.rules)
const dashboard = JSON.parse(read('docs/grafana-dashboard.json')) as { panels: Panel[], templating: { list: Array<{ definition?: string }> } }
const page = read('docs/monitoring.md')

const expressions = [
  ...rules.map(rule => ({ name: rule.alert, expr: rule.expr })),
  ...dashboard.panels.flatMap(panel => (panel.targets ?? []).map(({ expr }) => ({ name: panel.title, expr: expr.replaceAll('$__rate_interval', '5m') }))),
]

/** What Prometheus itself adds to a scrape. */
const ADDED_LABELS = ['job', 'instance']

interface Metric { readonly type: string, readonly labels: readonly string[] }

/** All metrics of a relay that has delivered an edit, parked a line, listens to the portal and has a connector behind it, so that each has a sample. */
async function scrapeMetrics (): Promise<Map<string, Metric>> {
  const port = String(await freePort())
  const { portal, send, scrapeUntil, scrapeText } = await startScraped(t, { PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}` }, [{ id: 'front', messenger: 'generic', secrets: [SECRET], upstream: 'https://connector.example/' }])
  await (await portal.connector()).send([original('m1', 'one', { user: '79161234567', chat: 'chat-4711' })])
  await send(edit('m1', 'edited'))
  await scrapeUntil('relay_edits_finished_total{state="delivered",reason=""}', 1)
  await portal.fault({ method: 'imconnector.update.messages', fault: { error: 'NOT_ACTIVE_LINE', status: 400 }, times: 1 })
  await send(edit('m1', 'edited again'))
  await scrapeUntil('relay_lines_parked{code="NOT_ACTIVE_LINE"}', 1)
  const text = await scrapeText()
  return new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => {
    const samples = [...text.matchAll(new RegExp(`^${name}(?:_bucket|_sum|_count)?(?:{(.*)})? `, 'gm'))]
    const labels = new Set(samples.flatMap(([, inside = '']) => [...inside.matchAll(/(\w+)=/g)].map(([, label = '']) => label)))
    return [name, { type, labels: [...labels].filter(label => label !== 'le').sort() }]
  }))
}

/** The metrics that an expression asks for with the labels by which it chooses and groups, or null when it is no PromQL. */
function readExpression (expr: string): { metrics: string[], labels: string[] } | null {
  const metrics: string[] = []
  const labels: string[] = []
  let isSound = true
  parser.parse(expr).iterate({
    enter (node) {
      const word = expr.slice(node.from, node.to)
      if (node.type.isError) isSound = false
      if (node.name === 'VectorSelector') metrics.push(/^\w+/.exec(word)?.[0] ?? word)
      if (node.name === 'LabelName') labels.push(word)
    },
  })
  return isSound ? { metrics, labels } : null
}

function metricOf (series: string, metrics: ReadonlyMap<string, Metric>): Metric | undefined {
  const base = series.replace(/_(bucket|sum|count)$/, '')
  return metrics.get(base)?.type === 'histogram' ? (series === base ? undefined : metrics.get(base)) : metrics.get(series)
}

const metrics = await scrapeMetrics()

t.test('every expression is PromQL on metrics and labels that exist', async t => {
  t.ok(expressions.length > 40)
  for (const { name, expr } of expressions) {
    const found = readExpression(expr)
    if (found === null) {
      t.fail(`${name}: ${expr} is no PromQL`)
      continue
    }
    t.ok(found.metrics.length > 0, name)
    const asked = found.metrics.filter(series => series !== 'up').map(series => ({ series, metric: metricOf(series, metrics) }))
    for (const { series, metric } of asked) t.ok(metric, `${name}: ${series} exists`)
    const known = new Set([...ADDED_LABELS, ...asked.flatMap(({ metric }) => metric?.type === 'histogram' ? ['le', ...metric.labels] : metric?.labels ?? [])])
    t.strictSame(found.labels.filter(label => !known.has(label)), [], `${name}: its labels exist`)
    for (const { series, metric } of asked.filter(({ metric }) => metric?.type !== 'gauge')) {
      t.match(expr, new RegExp(`(rate|increase)\\(${series}[{[]`), `${name}: ${metric?.type ?? 'what is missing'} ${series} begins anew with each process`)
    }
  }
})

t.test('every metric of the relay is in the table, with its type and labels, and no other is', async t => {
  const rows = [...page.matchAll(/^\| `(relay_\w+)` \| (\w+) \| (.*?) ?\| /gm)].map(([, name = '', type = '', labels = '']) =>
    [name, { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label).sort() }])
  const exported = [...metrics].filter(([name]) => name.startsWith('relay_'))
  t.strictSame(Object.fromEntries(rows), Object.fromEntries(exported))
})

t.test('every metric of the relay is on the dashboard', async t => {
  const shown = dashboard.panels.flatMap(panel => panel.targets ?? []).map(target => target.expr).join('\n') + JSON.stringify(dashboard.templating)
  for (const name of [...metrics.keys()].filter(name => name.startsWith('relay_'))) t.ok(new RegExp(`\\b${name}(_bucket|_sum|_count)?\\b`).test(shown), name)
})

t.test('every alert says what to do, in a section of its own, and every section is an alert\'s', async t => {
  const sections = [...page.matchAll(/^### (\w+)$/gm)].map(([, name]) => name)
  t.strictSame(rules.map(rule => rule.alert), sections)
  for (const { alert, labels, annotations } of rules) {
    t.match(labels.severity, /^(critical|warning)$/, alert)
    t.ok(annotations.summary.length > 10 && annotations.description.length > 40, alert)
    t.equal(annotations.runbook, `docs/monitoring.md#${alert.toLowerCase()}`)
  }
})

t.test('every event of the log is in its table, and no other is', async t => {
  const sources = ['src', 'routes'].flatMap(folder => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts')).map(name => read(join(folder, name))))
  const logged = sources.flatMap(source => source.split('\n').filter(line => /\bevent(: '| = )|\bfinish\('/.test(line)).flatMap(line => [...line.matchAll(/'([a-z]+\.[a-z-]+)'/g)].map(([, event]) => event)))
  const rows = page.slice(page.indexOf('\n## The log\n')).split('\n').filter(line => line.startsWith('| `'))
  const listed = rows.flatMap(row => [...(row.split(' | ')[0] ?? '').matchAll(/`([a-z.-]+)`/g)].map(([, event]) => event))
  t.strictSame(listed.toSorted(), [...new Set(logged)].toSorted())
})

t.test('links lead to sections that exist', async t => {
  const anchors = (text: string) => [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-'))
  const own = anchors(page)
  const readme = anchors(read('README.md'))
  for (const [, file = '', anchor = ''] of page.matchAll(/\]\((\.\.\/README\.md)?#([\w-]+)\)/g)) t.ok((file === '' ? own : readme).includes(anchor), `${file}#${anchor}`)
})

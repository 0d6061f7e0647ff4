import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { loadConfig } from '../../src/config/config.ts'
import { variables } from '../../src/config/variables.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/kubernetes.md'), 'utf8')

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly data?: Record<string, string>
  readonly stringData?: Record<string, string>
  readonly spec?: unknown
}

interface Container {
  readonly lifecycle?: object
  readonly volumeMounts: ReadonlyArray<{ readonly name: string }>
}

interface Deployment {
  readonly replicas: number
  readonly strategy: object
  readonly selector: object
  readonly template: {
    readonly metadata: object
    readonly spec: {
      readonly topologySpreadConstraints?: object
      readonly securityContext: Readonly<Record<string, unknown>>
      readonly containers: readonly Container[]
      readonly volumes: ReadonlyArray<{ readonly name: string }>
    }
  }
}

const documents = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].flatMap(([, text = '']) => [...parseAllDocuments(text)])
const manifests = documents.map(document => document.toJS() as Manifest)
const find = (kind: string): Manifest => manifests.find(manifest => manifest.kind === kind) ?? t.bailout(`there is no ${kind}`) as never

t.test('every manifest is sound YAML, and all that are needed are there', async t => {
  t.same(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]), [])
  t.same(manifests.map(({ apiVersion, kind, metadata: { name } }) => `${apiVersion} ${kind} ${name}`), [
    'v1 Secret relay', 'v1 ConfigMap relay', 'v1 PersistentVolumeClaim relay-data', 'apps/v1 Deployment relay', 'v1 Service relay', 'networking.k8s.io/v1 Ingress relay',
    'apps/v1 Deployment relay', 'policy/v1 PodDisruptionBudget relay',
  ])
})

t.test('one pod at a time on a volume of its own, which uid 1000 can write to', async t => {
  t.match(find('Deployment').spec, {
    replicas: 1,
    strategy: { type: 'Recreate' },
    template: {
      spec: {
        terminationGracePeriodSeconds: 30,
        securityContext: { runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000 },
        containers: [{ volumeMounts: [{ name: 'data', mountPath: '/data' }, { mountPath: '/tmp' }] }],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: find('PersistentVolumeClaim').metadata.name } }, { emptyDir: {} }],
      },
    },
  })
  t.match(readFileSync(join(import.meta.dirname, '../../Dockerfile'), 'utf8'), /^ENV DATABASE_URL=file:\/data\/relay\.db$/m)
})

t.test('several pods on a PostgreSQL are the same pod without a volume, replaced one after the other', async t => {
  const [one, several] = manifests.filter(({ kind }) => kind === 'Deployment').map(({ spec }) => spec as Deployment) as [Deployment, Deployment]
  const { replicas, strategy, selector, template } = several
  t.match({ replicas, strategy }, { replicas: 3, strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } })
  t.match(find('PodDisruptionBudget').spec, { maxUnavailable: 1, selector })
  t.same({ selector, metadata: template.metadata }, { selector: one.selector, metadata: one.template.metadata })

  const { topologySpreadConstraints, ...pod } = template.spec
  t.match(topologySpreadConstraints, [{ labelSelector: selector }])
  const [{ lifecycle, ...container }] = pod.containers as [Container]
  t.match(lifecycle, { preStop: { sleep: { seconds: 5 } } })
  const [first] = one.template.spec.containers as [Container]
  const { fsGroup, fsGroupChangePolicy, ...securityContext } = one.template.spec.securityContext
  const withoutData = (list: ReadonlyArray<{ name: string }>) => list.filter(({ name }) => name !== 'data')
  t.same({ ...pod, containers: [container] }, {
    ...one.template.spec, securityContext, volumes: withoutData(one.template.spec.volumes), containers: [{ ...first, volumeMounts: withoutData(first.volumeMounts) }],
  })
})

t.test('probes ask what they are for', async t => {
  const at = (path: string) => ({ httpGet: { path, port: 'http' } })
  t.match(find('Deployment').spec, {
    template: { spec: { containers: [{ ports: [{ name: 'http', containerPort: 3000 }], startupProbe: at('/livez'), livenessProbe: at('/livez'), readinessProbe: at('/readyz') }] } },
  })
  const { startupProbe } = (find('Deployment').spec as { template: { spec: { containers: Array<{ startupProbe: { periodSeconds: number, failureThreshold: number } }> } } }).template.spec.containers[0]!
  t.ok(startupProbe.periodSeconds * startupProbe.failureThreshold > 30, 'a start may wait 30 s for the former pod')
})

t.test('Service and Ingress lead to the pod, and only what the outside needs is outside', async t => {
  const labels = { 'app.kubernetes.io/name': 'imconnector-relay' }
  t.match(find('Deployment').spec, { selector: { matchLabels: labels }, template: { metadata: { labels } } })
  t.match(find('Service').spec, { selector: labels, ports: [{ name: 'http', targetPort: 'http' }] })
  const backend = { service: { name: 'relay', port: { name: 'http' } } }
  t.match(find('Ingress').spec, { rules: [{ http: { paths: [{ path: '/webhooks/', backend }, { path: '/bitrix24/', backend }] } }] })
})

t.test('ConfigMap and Secret make a configuration that the relay takes, before the portal has shown its keys', async t => {
  const env = { ...find('ConfigMap').data, ...find('Secret').stringData }
  t.same(Object.keys(env).filter(name => !Object.hasOwn(variables, name)), [])
  const config = loadConfig({
    ...env,
    WEBHOOK_SECRET: 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=',
    ENCRYPTION_KEY: '00'.repeat(32),
    ADMIN_TOKEN: '0123456789abcdef',
  }, () => { throw new Error('no file is read') })
  t.match(config, { trustProxy: 1, portal: { url: 'https://example.bitrix24.ru', clientId: null } })
})

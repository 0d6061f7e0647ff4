/** The folders in the order of their layers. A file imports from its own layer and from those above it in this list, never from one below. */
const LAYERS = [
  'src/base/',
  'src/http/',
  'src/text/',
  'src/edit/',
  'src/signatures/',
  'src/messengers/',
  'src/forward/',
  'src/outbox/',
  'src/bitrix24/',
  'src/config/',
  'src/courier/',
  'src/names/',
  'src/operations/',
  'src/intake.ts',
  'src/console/',
  'routes/',
  'src/app.ts',
  'src/relay.ts',
  'src/server.ts',
  'src/cli/',
  'src/cli.ts',
]

const pattern = layers => `^(${layers.map(layer => layer.replaceAll('.', '\\.')).join('|')})`

export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    ...LAYERS.slice(0, -1).map((layer, index) => ({
      name: `upward-from-${layer}`,
      severity: 'error',
      from: { path: pattern([layer]) },
      to: { path: pattern(LAYERS.slice(index + 1)) },
    })),
    { name: 'in-a-layer', severity: 'error', from: { path: '^(src|routes)/', pathNot: pattern(LAYERS) }, to: {} },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
}

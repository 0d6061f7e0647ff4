import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { openStore } from '../../../src/outbox/open.ts'
import { SCHEMA, SCHEMA_VERSION } from '../../../src/outbox/postgres/schema.ts'
import { startPostgres } from '../../postgres.ts'
import { fill } from './contents.ts'

/*
 * Makes the databases that every later version must open: `node test/outbox/frozen/freeze.ts <version of the schema>`. Run it once for each new version, at
 * its release, and never again for an old one. Without the version it does nothing, because `npm test -- test/outbox` runs every file of the folder.
 */
if (process.argv[2] !== String(SCHEMA_VERSION)) process.exit()

const folder = mkdtempSync(join(tmpdir(), 'freeze-'))
const now = () => 1_764_000_000_000

const sqlite = await openStore({ databaseUrl: `file:${join(folder, 'relay.db')}`, encryptionKey: null, now })
await fill(sqlite)
await sqlite.close()
const db = new DatabaseSync(join(folder, 'relay.db'))
const target = join(import.meta.dirname, `sqlite-${SCHEMA_VERSION}.db`)
rmSync(target, { force: true })
db.exec(`VACUUM INTO '${target}'`)
db.close()
rmSync(folder, { recursive: true })

const postgres = await startPostgres()
const databaseUrl = await postgres.schema()
const store = await openStore({ databaseUrl, encryptionKey: null, now })
await fill(store)
await store.close()
writeFileSync(join(import.meta.dirname, `postgres-${SCHEMA_VERSION}.sql`), await dump(databaseUrl))
await postgres.stop()

/** The schema as the program makes it, and each table's rows as JSON. */
async function dump (url: string): Promise<string> {
  const client = new pg.Client(url)
  await client.connect()
  const { rows: tables } = await client.query<{ name: string }>('SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1')
  const inserts: string[] = []
  for (const { name } of tables) {
    const { rows: [row] } = await client.query<{ rows: string | null }>(`SELECT json_agg(t)::text AS rows FROM ${name} AS t`)
    if (row?.rows != null) inserts.push(`INSERT INTO ${name} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::${name}, ${client.escapeLiteral(row.rows)});\n`)
  }
  const { rows: [sequence] } = await client.query<{ last: string }>('SELECT last_value AS last FROM outbox_seq')
  await client.end()
  const version = 'CREATE TABLE schema_version (one integer PRIMARY KEY CHECK (one = 1), version integer NOT NULL);\n'
  return `${SCHEMA}\n${version}${inserts.join('')}SELECT setval('outbox_seq', ${sequence?.last});\n`
}

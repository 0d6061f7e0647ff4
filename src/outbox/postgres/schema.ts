import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { Client } from './connection.ts'

/** The first release freezes version 1. After it, a change of the schema is a migration that runs forward only. */
export const SCHEMA_VERSION = 1

export const SCHEMA = `
  CREATE TABLE lanes (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    portal text NOT NULL,
    connector text NOT NULL,
    line integer NOT NULL,
    channel text NOT NULL,
    UNIQUE (portal, connector, line, channel)
  );

  CREATE SEQUENCE outbox_seq;
  CREATE TABLE outbox (
    id text COLLATE "C" PRIMARY KEY,
    -- In the order of arrival; rows are written in the order of ids.
    seq bigint NOT NULL UNIQUE,
    lane integer NOT NULL,
    channel text NOT NULL,
    chat text NOT NULL,
    message text NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    reason text,
    refused_reason text,
    due_at bigint,
    ask_at bigint,
    waiting_since bigint,
    finished_at bigint,
    call_id text,
    call_version bigint,
    quarantine_version bigint,
    quarantine_until bigint,
    called_at bigint,
    confirmed_at bigint,
    rest text NOT NULL
  );
  CREATE INDEX outbox_due ON outbox (lane, due_at, seq) WHERE due_at IS NOT NULL AND call_id IS NULL;
  CREATE INDEX outbox_nameless ON outbox (lane, ask_at) WHERE ask_at IS NOT NULL;
  CREATE INDEX outbox_calls ON outbox (lane) WHERE call_id IS NOT NULL;
  CREATE INDEX outbox_quarantine ON outbox (lane) WHERE quarantine_until IS NOT NULL;
  -- For the operator's filters, in the order of arrival.
  CREATE INDEX outbox_state ON outbox (state, seq, channel, reason, confirmed_at, called_at, finished_at);
  CREATE INDEX outbox_chat ON outbox (chat, seq);
  CREATE INDEX outbox_message ON outbox (message, seq);
  CREATE INDEX outbox_refused ON outbox (refused_reason, seq, state, reason, channel) WHERE refused_reason IS NOT NULL;
  -- Holds all that counting confirmations needs.
  CREATE INDEX outbox_finished ON outbox (finished_at, lane, state, confirmed_at, called_at) WHERE finished_at IS NOT NULL;

  -- A row for each process, because processes that share a row would wait for each other. The sum of all rows is the ledger.
  CREATE TABLE ledger (
    replica text PRIMARY KEY,
    accepted bigint NOT NULL,
    superseded bigint NOT NULL,
    delivered bigint NOT NULL,
    dead bigint NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
  );

  CREATE TABLE portals (
    portal text PRIMARY KEY,
    seq integer GENERATED ALWAYS AS IDENTITY,
    epoch bigint NOT NULL DEFAULT 0,
    leader text,
    lease_until timestamptz,
    record text
  );

  CREATE TABLE profiles (
    id text COLLATE "C" PRIMARY KEY,
    at bigint NOT NULL,
    tie bigint NOT NULL,
    profile text NOT NULL,
    seen_at bigint NOT NULL
  );
  CREATE INDEX profiles_seen ON profiles (seen_at);

  CREATE TABLE activity (
    outcome text COLLATE "C",
    channel text COLLATE "C",
    hour bigint,
    count bigint NOT NULL,
    last_at bigint NOT NULL,
    detail text,
    PRIMARY KEY (outcome, channel, hour)
  );
  CREATE INDEX activity_hours ON activity (hour);

  CREATE TABLE heartbeat (one integer PRIMARY KEY CHECK (one = 1), at bigint NOT NULL);
`

/** A number for the advisory lock that no other program in the database uses. */
const LOCK = 4_710_815

/** The database is too new for this program: waiting does not help. */
export class NewerSchema extends Error {
  override name = 'NewerSchema'
}

/** 25 days, the longest timer. `pg` reads 0 as the connection's time-out. */
const UNLIMITED_MS = 2 ** 31 - 1

const BEGIN = `BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(${LOCK});
  CREATE TABLE IF NOT EXISTS schema_version (one integer PRIMARY KEY CHECK (one = 1), version integer NOT NULL)`

/**
 * Creates the tables and the portal in an empty database. Of several relays that start together, one does it. During a rolling upgrade this program may meet the
 * schema of the next release, which it can use. Rejects with NewerSchema on a later one.
 */
export async function createTables (client: Client, name: string): Promise<void> {
  if (await schemaVersion(client) === SCHEMA_VERSION) return
  const run = async (sql: string): Promise<unknown> => await client.query({ text: sql, query_timeout: UNLIMITED_MS } as pg.QueryConfig)
  await run(BEGIN)
  const found = await schemaVersion(client)
  if (found > SCHEMA_VERSION + 1) {
    await run('ROLLBACK')
    throw new NewerSchema(`PostgreSQL at ${name} has schema ${found} and this program knows ${SCHEMA_VERSION}: a newer release wrote it; start that release`)
  }
  await run(found === 0 ? `${SCHEMA}; INSERT INTO portals (portal) VALUES ('${randomUUID()}'); INSERT INTO schema_version VALUES (1, ${SCHEMA_VERSION}); COMMIT` : 'COMMIT')
}

/** 0 in an empty database. */
export async function schemaVersion (client: Client): Promise<number> {
  const { rows: [table] } = await client.query<{ found: string | null }>('SELECT to_regclass(\'schema_version\') AS found')
  if (table?.found == null) return 0
  const { rows: [row] } = await client.query<{ version: number }>('SELECT version FROM schema_version')
  return row?.version ?? 0
}

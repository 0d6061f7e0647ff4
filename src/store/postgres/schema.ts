import type pg from 'pg'
import type { Client } from './connection.ts'

/*
 * Migrations run forward only. An edit of a landed one never reaches existing databases: add another. Replicas are upgraded one after the
 * other, so a program works on the schema that comes after its own: what a migration adds has a default, and nothing that the program
 * before it uses goes away.
 */
export const migrations: readonly string[] = [
  `
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
    -- In the order of arrival, whatever the order of writing.
    seq bigint NOT NULL UNIQUE,
    -- Grows with each write, so that a write finds out whether the row is still the one that was read.
    stamp bigint NOT NULL,
    lane integer NOT NULL,
    channel text NOT NULL,
    chat text NOT NULL,
    message text NOT NULL,
    at bigint,
    tie bigint,
    seen text NOT NULL,
    content text NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    reason text,
    words text,
    accepted_at bigint NOT NULL,
    waiting_since bigint,
    settled_at bigint,
    due_at bigint,
    attempts integer NOT NULL,
    chunk_limit integer NOT NULL,
    suspicions integer NOT NULL,
    suspected_at bigint,
    unknown_user_repeats integer NOT NULL,
    flags text NOT NULL,
    call_id text,
    call_version bigint,
    quarantine_version bigint,
    quarantine_until bigint,
    overtaken integer NOT NULL,
    refused_at bigint,
    refused_tie bigint,
    refused_reason text,
    refused_seen text
  );
  CREATE INDEX outbox_due ON outbox (lane, due_at, seq) WHERE due_at IS NOT NULL AND call_id IS NULL;
  CREATE INDEX outbox_calls ON outbox (lane) WHERE call_id IS NOT NULL;
  CREATE INDEX outbox_quarantine ON outbox (lane) WHERE quarantine_until IS NOT NULL;
  CREATE INDEX outbox_finished ON outbox (settled_at) WHERE settled_at IS NOT NULL;

  CREATE TABLE attempts (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    edit text COLLATE "C" NOT NULL,
    call_id text NOT NULL,
    at bigint NOT NULL,
    duration_ms bigint NOT NULL,
    code text NOT NULL,
    words text,
    UNIQUE (edit, call_id)
  );

  -- A row for each process, so that they do not wait for each other; all of them together are the ledger.
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
    epoch bigint NOT NULL DEFAULT 0,
    lease_holder text,
    lease_until timestamptz,
    member_id text,
    application_token text,
    endpoint text,
    oauth_url text,
    access_token text,
    refresh_token text,
    access_expires_at bigint,
    tokens_version bigint NOT NULL DEFAULT 0,
    imported_token text,
    refresh_started_at bigint,
    refresh_tries integer NOT NULL DEFAULT 0,
    parked_code text,
    parked_since bigint,
    parked_lines text,
    bucket_level double precision,
    bucket_at bigint,
    rests_until bigint
  );

  CREATE TABLE profiles (
    portal text NOT NULL,
    connector text NOT NULL,
    client text NOT NULL,
    at bigint NOT NULL,
    tie bigint NOT NULL,
    profile text NOT NULL,
    seen_at bigint NOT NULL,
    PRIMARY KEY (portal, connector, client)
  );
  CREATE INDEX profiles_seen ON profiles (seen_at);

  CREATE TABLE heartbeat (one integer PRIMARY KEY CHECK (one = 1), at bigint NOT NULL);
  `,
]

export const SCHEMA_VERSION = migrations.length

/** Any number that nobody else in the database uses for an advisory lock. */
const LOCK = 4_710_815

/** The database is too new for this program: waiting does not help. */
export class NewerSchema extends Error {
  override name = 'NewerSchema'
}

/** The longest that a timer can be set to, 25 days: `pg` takes 0 for the time-out of the connection. */
const UNLIMITED_MS = 2 ** 31 - 1

/**
 * A migration may take its time, and others wait for it. For a table that somebody else uses it waits less long than relays wait for each other
 * (`lock_timeout` of connections), because whoever comes after it waits as well.
 */
const BEGIN = `BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(${LOCK}); SET LOCAL lock_timeout = '5s';
  CREATE TABLE IF NOT EXISTS schema_version (one integer PRIMARY KEY CHECK (one = 1), version integer NOT NULL)`

/** Brings the database to this program's schema; of several that start together one does it. Rejects with NewerSchema when the database is too new for it. */
export async function migrate (client: Client, name: string): Promise<void> {
  if (await schemaVersion(client) === SCHEMA_VERSION) return
  const run = async (sql: string): Promise<unknown> => await client.query({ text: sql, query_timeout: UNLIMITED_MS } as pg.QueryConfig)
  await run(BEGIN)
  const found = await schemaVersion(client)
  if (found > SCHEMA_VERSION + 1) {
    await run('ROLLBACK')
    throw new NewerSchema(`PostgreSQL at ${name} has schema ${found} and this program knows ${SCHEMA_VERSION}: it was written by a newer release; start that release`)
  }
  const changes = migrations.slice(found).join(';')
  await run(found < SCHEMA_VERSION
    ? `${changes}; INSERT INTO schema_version VALUES (1, ${SCHEMA_VERSION}) ON CONFLICT (one) DO UPDATE SET version = EXCLUDED.version; COMMIT`
    : 'COMMIT')
}

/** 0 in a database that holds nothing of ours yet. */
export async function schemaVersion (client: Client): Promise<number> {
  const { rows: [table] } = await client.query<{ found: string | null }>('SELECT to_regclass(\'schema_version\') AS found')
  if (table?.found == null) return 0
  const { rows: [row] } = await client.query<{ version: number }>('SELECT version FROM schema_version')
  return row?.version ?? 0
}

import type { DatabaseSync } from 'node:sqlite'

/*
 * Migrations run forward only, each in one transaction with the version that it reaches. An edit of a landed one never reaches
 * existing files: add another.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE lanes (
    id INTEGER PRIMARY KEY,
    portal TEXT NOT NULL,
    connector TEXT NOT NULL,
    line INTEGER NOT NULL,
    UNIQUE (portal, connector, line)
  ) STRICT;

  CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    lane INTEGER NOT NULL,
    channel TEXT NOT NULL,
    chat TEXT NOT NULL,
    message TEXT NOT NULL,
    at INTEGER,
    tie INTEGER,
    seen TEXT NOT NULL,
    content TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    words TEXT,
    accepted_at INTEGER NOT NULL,
    waiting_since INTEGER,
    settled_at INTEGER,
    due_at INTEGER,
    attempts INTEGER NOT NULL,
    chunk_limit INTEGER NOT NULL,
    suspicions INTEGER NOT NULL,
    suspected_at INTEGER,
    unknown_user_repeats INTEGER NOT NULL,
    flags TEXT NOT NULL,
    call_id TEXT,
    call_version INTEGER,
    quarantine_version INTEGER,
    quarantine_until INTEGER,
    refused_at INTEGER,
    refused_tie INTEGER,
    refused_reason TEXT,
    refused_seen TEXT
  ) STRICT;
  CREATE INDEX outbox_due ON outbox (lane, due_at) WHERE due_at IS NOT NULL AND call_id IS NULL;
  CREATE INDEX outbox_calls ON outbox (lane) WHERE call_id IS NOT NULL;
  CREATE INDEX outbox_quarantine ON outbox (lane) WHERE quarantine_until IS NOT NULL;
  CREATE INDEX outbox_finished ON outbox (settled_at) WHERE settled_at IS NOT NULL;

  CREATE TABLE ledger (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    accepted INTEGER NOT NULL,
    superseded INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    dead INTEGER NOT NULL
  ) STRICT;
  INSERT INTO ledger VALUES (1, 0, 0, 0, 0);

  CREATE TABLE portals (
    portal TEXT PRIMARY KEY,
    member_id TEXT,
    application_token TEXT,
    endpoint TEXT,
    oauth_url TEXT,
    access_token TEXT,
    refresh_token TEXT,
    access_expires_at INTEGER,
    imported_token TEXT,
    refresh_started_at INTEGER,
    refresh_tries INTEGER NOT NULL DEFAULT 0,
    parked_code TEXT,
    parked_since INTEGER,
    bucket_level REAL,
    bucket_at INTEGER
  ) STRICT;

  CREATE TABLE heartbeat (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
  `,
  `
  CREATE TABLE attempts (
    seq INTEGER PRIMARY KEY,
    edit INTEGER NOT NULL,
    at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    code TEXT NOT NULL,
    words TEXT
  ) STRICT;
  CREATE INDEX attempts_edit ON attempts (edit);

  CREATE TABLE profiles (
    seq INTEGER PRIMARY KEY,
    portal TEXT NOT NULL,
    connector TEXT NOT NULL,
    user TEXT NOT NULL,
    at INTEGER NOT NULL,
    tie INTEGER NOT NULL,
    profile TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    UNIQUE (portal, connector, user)
  ) STRICT;
  CREATE INDEX profiles_seen ON profiles (seen_at);
  `,
  // A lane for each channel of a line, so that channels are served in turn too.
  `
  CREATE TABLE channel_lanes (
    id INTEGER PRIMARY KEY,
    portal TEXT NOT NULL,
    connector TEXT NOT NULL,
    line INTEGER NOT NULL,
    channel TEXT NOT NULL,
    UNIQUE (portal, connector, line, channel)
  ) STRICT;
  INSERT INTO channel_lanes (portal, connector, line, channel)
    SELECT DISTINCT portal, connector, line, outbox.channel FROM outbox JOIN lanes ON lanes.id = lane;
  UPDATE outbox SET lane = (SELECT channel_lanes.id FROM channel_lanes JOIN lanes USING (portal, connector, line)
    WHERE lanes.id = outbox.lane AND channel_lanes.channel = outbox.channel);
  DROP TABLE lanes;
  ALTER TABLE channel_lanes RENAME TO lanes;
  `,
  // One holder for a portal at a time, and what a new one has to know.
  `
  ALTER TABLE outbox ADD COLUMN overtaken INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE portals ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE portals ADD COLUMN lease_holder TEXT;
  ALTER TABLE portals ADD COLUMN tokens_version INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE portals ADD COLUMN parked_lines TEXT;
  ALTER TABLE portals ADD COLUMN rests_until INTEGER;
  `,
  // Ids leave the table's own index, which had a page to write for every new message (ids.ts).
  `
  CREATE TABLE appended_outbox (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    lane INTEGER NOT NULL,
    channel TEXT NOT NULL,
    chat TEXT NOT NULL,
    message TEXT NOT NULL,
    at INTEGER,
    tie INTEGER,
    seen TEXT NOT NULL,
    content TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    words TEXT,
    accepted_at INTEGER NOT NULL,
    waiting_since INTEGER,
    settled_at INTEGER,
    due_at INTEGER,
    attempts INTEGER NOT NULL,
    chunk_limit INTEGER NOT NULL,
    suspicions INTEGER NOT NULL,
    suspected_at INTEGER,
    unknown_user_repeats INTEGER NOT NULL,
    flags TEXT NOT NULL,
    call_id TEXT,
    call_version INTEGER,
    quarantine_version INTEGER,
    quarantine_until INTEGER,
    refused_at INTEGER,
    refused_tie INTEGER,
    refused_reason TEXT,
    refused_seen TEXT,
    overtaken INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  INSERT INTO appended_outbox SELECT * FROM outbox ORDER BY seq;
  DROP TABLE outbox;
  ALTER TABLE appended_outbox RENAME TO outbox;
  CREATE INDEX outbox_due ON outbox (lane, due_at) WHERE due_at IS NOT NULL AND call_id IS NULL;
  CREATE INDEX outbox_calls ON outbox (lane) WHERE call_id IS NOT NULL;
  CREATE INDEX outbox_quarantine ON outbox (lane) WHERE quarantine_until IS NOT NULL;
  CREATE INDEX outbox_finished ON outbox (settled_at) WHERE settled_at IS NOT NULL;

  CREATE TABLE ids (id TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO ids SELECT id, seq FROM outbox ORDER BY id;
  CREATE TABLE ids_merge (one INTEGER PRIMARY KEY CHECK (one = 1), merged_to INTEGER NOT NULL) STRICT;
  INSERT INTO ids_merge SELECT 1, coalesce(max(seq), 0) FROM outbox;
  `,
]

export const SCHEMA_VERSION = migrations.length

/** Brings the file to this program's schema. */
export function migrate (db: DatabaseSync): void {
  for (let version = schemaVersion(db); version < SCHEMA_VERSION; version++) {
    db.exec(`BEGIN IMMEDIATE; ${migrations[version]}; PRAGMA user_version = ${version + 1}; COMMIT`)
  }
}

/** Throws when a newer program has written the file: going back would lose what it knows. */
export function assertKnown (db: DatabaseSync): void {
  const found = schemaVersion(db)
  if (found > SCHEMA_VERSION) {
    throw new Error(`the database has schema ${found} and this program knows ${SCHEMA_VERSION}: it was written by a newer release; start that release, or restore a backup made before the upgrade`)
  }
}

export function schemaVersion (db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version)
}

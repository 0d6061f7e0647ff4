import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'

/** The first release freezes version 1. After it, a change of the schema is a migration that runs forward only. */
export const SCHEMA_VERSION = 1

const SCHEMA = `
  CREATE TABLE lanes (
    id INTEGER PRIMARY KEY,
    portal TEXT NOT NULL,
    connector TEXT NOT NULL,
    line INTEGER NOT NULL,
    channel TEXT NOT NULL,
    UNIQUE (portal, connector, line, channel)
  ) STRICT;

  CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    lane INTEGER NOT NULL,
    channel TEXT NOT NULL,
    chat TEXT NOT NULL,
    message TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    refused_reason TEXT,
    due_at INTEGER,
    ask_at INTEGER,
    waiting_since INTEGER,
    finished_at INTEGER,
    call_id TEXT,
    call_version INTEGER,
    quarantine_version INTEGER,
    quarantine_until INTEGER,
    called_at INTEGER,
    confirmed_at INTEGER,
    rest TEXT NOT NULL
  ) STRICT;
  CREATE INDEX outbox_due ON outbox (lane, due_at) WHERE due_at IS NOT NULL AND call_id IS NULL;
  CREATE INDEX outbox_nameless ON outbox (lane, ask_at) WHERE ask_at IS NOT NULL;
  CREATE INDEX outbox_calls ON outbox (lane) WHERE call_id IS NOT NULL;
  CREATE INDEX outbox_quarantine ON outbox (lane) WHERE quarantine_until IS NOT NULL;
  -- For the operator's filters, in the order of arrival.
  CREATE INDEX outbox_state ON outbox (state, seq, channel, reason, confirmed_at, called_at, finished_at);
  CREATE INDEX outbox_chat ON outbox (chat);
  CREATE INDEX outbox_message ON outbox (message);
  CREATE INDEX outbox_refused ON outbox (refused_reason, seq, state, reason, channel) WHERE refused_reason IS NOT NULL;
  -- Holds all that counting confirmations needs.
  CREATE INDEX outbox_finished ON outbox (finished_at, lane, state, confirmed_at, called_at) WHERE finished_at IS NOT NULL;

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
    epoch INTEGER NOT NULL DEFAULT 0,
    leader TEXT,
    record TEXT
  ) STRICT;

  CREATE TABLE profiles (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    tie INTEGER NOT NULL,
    profile TEXT NOT NULL,
    seen_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX profiles_seen ON profiles (seen_at);

  CREATE TABLE activity (
    outcome TEXT NOT NULL,
    channel TEXT NOT NULL,
    hour INTEGER NOT NULL,
    count INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    detail TEXT,
    PRIMARY KEY (outcome, channel, hour)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX activity_hours ON activity (hour);

  CREATE TABLE heartbeat (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;

  PRAGMA user_version = ${SCHEMA_VERSION};
`

/** Creates the tables and the portal in an empty file. */
export function createTables (db: DatabaseSync): void {
  if (schemaVersion(db) === 0) db.exec(`BEGIN IMMEDIATE; ${SCHEMA}; INSERT INTO portals (portal) VALUES ('${randomUUID()}'); COMMIT`)
}

/** Throws when another release has written the file. */
export function assertKnown (db: DatabaseSync): void {
  const found = schemaVersion(db)
  if (found !== 0 && found !== SCHEMA_VERSION) {
    throw new Error(`the database has schema ${found} and this program knows ${SCHEMA_VERSION}: another release wrote it; start that release, restore a backup, or move the file away to start with an empty one`)
  }
}

/** 0 in an empty file. */
export function schemaVersion (db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version)
}

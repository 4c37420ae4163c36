-- The truth: append-only streams and the audit chain over them.
CREATE TABLE events (
  position INTEGER PRIMARY KEY,
  stream TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version > 0),
  name TEXT NOT NULL,
  v INTEGER NOT NULL,
  at TEXT NOT NULL,
  body TEXT NOT NULL,
  hash TEXT NOT NULL,
  UNIQUE (stream, version)
) STRICT;
CREATE TABLE audit (
  version INTEGER PRIMARY KEY,
  position INTEGER NOT NULL,
  at TEXT NOT NULL,
  body TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE TABLE artifacts (
  digest TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE TABLE properties (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Rebuildable: written in the transaction of the events they follow from.
CREATE TABLE incidents (
  incident_id TEXT PRIMARY KEY,
  service TEXT NOT NULL,
  environment TEXT NOT NULL,
  title TEXT NOT NULL,
  symptom TEXT NOT NULL,
  status TEXT NOT NULL,
  is_open INTEGER NOT NULL,
  opened_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  channel TEXT NOT NULL,
  thread_ts TEXT NOT NULL,
  permalink TEXT NOT NULL
) STRICT;
CREATE INDEX incidents_by_time ON incidents (opened_at, incident_id);
CREATE INDEX incidents_open ON incidents (opened_at, incident_id) WHERE is_open = 1;
CREATE TABLE origins (
  incident_id TEXT NOT NULL REFERENCES incidents,
  place INTEGER NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (incident_id, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX origins_by_key ON origins (key, incident_id);
CREATE TABLE runs (
  run_id TEXT PRIMARY KEY,
  incident_id TEXT NOT NULL,
  runbook TEXT NOT NULL,
  version TEXT NOT NULL,
  service TEXT NOT NULL,
  tenant TEXT NOT NULL,
  environment TEXT NOT NULL,
  status TEXT NOT NULL,
  is_open INTEGER NOT NULL,
  opened_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  finished_at TEXT,
  requester TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  symptom TEXT NOT NULL,
  dry_run INTEGER NOT NULL,
  step_count INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_by_time ON runs (opened_at, run_id);
CREATE INDEX runs_by_service ON runs (service, opened_at, run_id);
CREATE INDEX runs_open ON runs (opened_at, run_id) WHERE is_open = 1;

-- Operational: losing it costs a repeated look, never a repeated effect.
CREATE TABLE inbox (
  inbox_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  received_at TEXT NOT NULL,
  is_done INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX inbox_unanswered ON inbox (received_at, inbox_id) WHERE is_done = 0;
CREATE TABLE deliveries (
  key TEXT NOT NULL,
  incident_id TEXT NOT NULL,
  place TEXT NOT NULL,
  state TEXT NOT NULL,
  channel TEXT NOT NULL,
  ts TEXT NOT NULL,
  content TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  updated_at TEXT,
  PRIMARY KEY (incident_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE holds (name TEXT PRIMARY KEY, run_id TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX holds_by_run ON holds (run_id);
CREATE TABLE leases (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until_at TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Rebuildable: one line per step of a run that was reached; what automation_events and the statistics count by.
CREATE TABLE steps (
  run_id TEXT NOT NULL,
  step TEXT NOT NULL,
  name TEXT NOT NULL,
  action TEXT NOT NULL,
  type TEXT NOT NULL,
  service TEXT NOT NULL,
  tenant TEXT NOT NULL,
  environment TEXT NOT NULL,
  runbook TEXT NOT NULL,
  version TEXT NOT NULL,
  status TEXT NOT NULL,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  proposals INTEGER NOT NULL,
  edits INTEGER NOT NULL,
  is_unattended INTEGER NOT NULL,
  is_unchanged INTEGER NOT NULL,
  is_rejected INTEGER NOT NULL,
  is_skipped INTEGER NOT NULL,
  is_overridden INTEGER NOT NULL,
  is_expired INTEGER NOT NULL,
  is_cancelled INTEGER NOT NULL,
  has_failed INTEGER NOT NULL,
  was_unknown INTEGER NOT NULL,
  is_rolled_back INTEGER NOT NULL,
  decide_s REAL,
  PRIMARY KEY (run_id, step)
) STRICT, WITHOUT ROWID;
-- Everything that is counted, so that counting reads this alone: the times to decide in their order, then the rest.
CREATE INDEX steps_counted ON steps (
  action, decide_s, at, service, status, edits, is_unattended, is_unchanged, is_rejected, is_skipped, is_overridden,
  is_expired, is_cancelled, has_failed, was_unknown, is_rolled_back
);
CREATE INDEX steps_by_service ON steps (service);

-- For whoever asks in SQL; its columns stay as they are.
CREATE VIEW automation_events AS
SELECT at, service, environment, runbook, version, action, status, actor, reason, run_id, step, name AS step_name
FROM steps;

CREATE INDEX runs_by_runbook ON runs (runbook, opened_at, run_id);
CREATE INDEX runs_by_status ON runs (status, opened_at, run_id);
CREATE INDEX runs_by_tenant ON runs (tenant, opened_at, run_id);

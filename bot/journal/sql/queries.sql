-- Every statement of the journal by its name, in SQL that SQLite and PostgreSQL read alike.
-- Times are text of one length (see codec.stamp), truth values are 0 and 1.

-- name: head
SELECT version, hash FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1

-- name: last_position
SELECT COALESCE(MAX(position), 0) FROM events

-- name: add_event
INSERT INTO events (stream, version, position, name, v, at, body, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: read_stream
SELECT stream, version, position, name, v, at, body, hash FROM events
WHERE stream = ? AND version > ? ORDER BY version

-- name: diagnoses
SELECT stream, version, position, name, v, at, body, hash FROM events
WHERE name IN ('diagnosis-made', 'diagnosis-judged') AND at >= ? ORDER BY at, position

-- name: streams
SELECT stream, MAX(version) FROM events GROUP BY stream ORDER BY stream

-- name: all_events
SELECT stream, version, position, name, v, at, body, hash FROM events ORDER BY stream, version

-- name: audit_head
SELECT version, hash FROM audit ORDER BY version DESC LIMIT 1

-- name: add_audit
INSERT INTO audit (version, position, at, body, hash) VALUES (?, ?, ?, ?, ?)

-- name: all_audit
SELECT version, position, at, body, hash FROM audit ORDER BY version

-- name: property
SELECT value FROM properties WHERE name = ?

-- name: add_property
INSERT INTO properties (name, value) VALUES (?, ?)

-- name: put_property
INSERT INTO properties (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: add_artifact
INSERT INTO artifacts (digest, name, media_type, body) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING

-- name: artifact
SELECT name, media_type, body FROM artifacts WHERE digest = ?

-- name: all_artifacts
SELECT digest, body FROM artifacts

-- name: put_incident
INSERT INTO incidents
  (incident_id, service, environment, title, symptom, status, is_open, opened_at, updated_at,
   channel, thread_ts, permalink)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (incident_id) DO UPDATE SET
  service = excluded.service, environment = excluded.environment, title = excluded.title,
  symptom = excluded.symptom, status = excluded.status, is_open = excluded.is_open,
  opened_at = excluded.opened_at, updated_at = excluded.updated_at, channel = excluded.channel,
  thread_ts = excluded.thread_ts, permalink = excluded.permalink

-- name: drop_origins
DELETE FROM origins WHERE incident_id = ?

-- name: add_origin
INSERT INTO origins (incident_id, place, key) VALUES (?, ?, ?)

-- name: origins
SELECT key FROM origins WHERE incident_id = ? ORDER BY place

-- name: incident
SELECT incident_id, service, environment, title, symptom, status, is_open, opened_at, updated_at,
       channel, thread_ts, permalink
FROM incidents WHERE incident_id = ?

-- name: some_incidents
SELECT incident_id, service, environment, title, symptom, status, is_open, opened_at, updated_at,
       channel, thread_ts, permalink
FROM incidents

-- name: some_origins
SELECT incident_id, key FROM origins

-- name: incident_by_origin
SELECT i.incident_id, i.service, i.environment, i.title, i.symptom, i.status, i.is_open, i.opened_at, i.updated_at,
       i.channel, i.thread_ts, i.permalink
FROM origins o JOIN incidents i ON i.incident_id = o.incident_id
WHERE o.key = ? ORDER BY i.opened_at DESC, i.incident_id DESC LIMIT 1

-- name: incidents
SELECT incident_id, service, environment, title, symptom, status, is_open, opened_at, updated_at,
       channel, thread_ts, permalink
FROM incidents ORDER BY opened_at DESC, incident_id DESC LIMIT ?

-- name: open_incidents
SELECT incident_id, service, environment, title, symptom, status, is_open, opened_at, updated_at,
       channel, thread_ts, permalink
FROM incidents WHERE is_open = 1 ORDER BY opened_at DESC, incident_id DESC LIMIT ?

-- name: put_run
-- What a run was opened with never changes; left out of the update, its indexes are not written again each time.
INSERT INTO runs
  (run_id, incident_id, runbook, version, service, tenant, environment, status, is_open, opened_at, updated_at,
   finished_at, requester, decided_by, symptom, dry_run, step_count)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id) DO UPDATE SET
  environment = excluded.environment, status = excluded.status, is_open = excluded.is_open,
  updated_at = excluded.updated_at, finished_at = excluded.finished_at, requester = excluded.requester,
  decided_by = excluded.decided_by

-- name: run
SELECT run_id, incident_id, runbook, version, service, tenant, environment, status, is_open, opened_at, updated_at,
       finished_at, requester, decided_by, symptom, dry_run, step_count
FROM runs WHERE run_id = ?

-- name: runs
SELECT run_id, incident_id, runbook, version, service, tenant, environment, status, is_open, opened_at, updated_at,
       finished_at, requester, decided_by, symptom, dry_run, step_count
FROM runs

-- name: drop_runs
DELETE FROM runs

-- name: put_step
-- Of the update as of put_run's: which step of which run it is stays.
INSERT INTO steps
  (run_id, step, name, action, type, service, tenant, environment, runbook, version, status, at, actor, reason,
   proposals, edits, is_unattended, is_unchanged, is_rejected, is_skipped, is_overridden, is_expired, is_cancelled,
   has_failed, was_unknown, is_rolled_back, decide_s)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id, step) DO UPDATE SET
  environment = excluded.environment, status = excluded.status, at = excluded.at, actor = excluded.actor,
  reason = excluded.reason, proposals = excluded.proposals, edits = excluded.edits,
  is_unattended = excluded.is_unattended, is_unchanged = excluded.is_unchanged, is_rejected = excluded.is_rejected,
  is_skipped = excluded.is_skipped, is_overridden = excluded.is_overridden, is_expired = excluded.is_expired,
  is_cancelled = excluded.is_cancelled, has_failed = excluded.has_failed, was_unknown = excluded.was_unknown,
  is_rolled_back = excluded.is_rolled_back, decide_s = excluded.decide_s

-- name: steps_of_run
SELECT run_id, step, name, action, type, service, tenant, environment, runbook, version, status, at, actor, reason,
       proposals, edits, is_unattended, is_unchanged, is_rejected, is_skipped, is_overridden, is_expired, is_cancelled,
       has_failed, was_unknown, is_rolled_back, decide_s
FROM steps WHERE run_id = ?

-- name: drop_steps
DELETE FROM steps

-- name: count_steps
SELECT action, COUNT(*), SUM(is_unattended), SUM(is_unchanged), SUM(CASE WHEN edits > 0 THEN 1 ELSE 0 END),
       SUM(is_rejected), SUM(is_skipped), SUM(is_overridden), SUM(is_expired), SUM(is_cancelled),
       SUM(CASE WHEN status = 'succeeded' THEN 1 ELSE 0 END), SUM(has_failed), SUM(was_unknown), SUM(is_rolled_back),
       SUM(CASE WHEN status = 'requires_manual' THEN 1 ELSE 0 END),
       SUM(CASE WHEN status IN ('waiting', 'running') THEN 1 ELSE 0 END)
FROM steps

-- name: ordered_decide_times
-- Each time to decide with its place among those of its action; what reads it picks the median and the p90.
SELECT action, decide_s, ROW_NUMBER() OVER (PARTITION BY action ORDER BY decide_s) AS place,
       COUNT(*) OVER (PARTITION BY action) AS times
FROM steps

-- name: drop_all_origins
DELETE FROM origins

-- name: drop_incidents
DELETE FROM incidents

-- name: accept
INSERT INTO inbox (inbox_id, kind, body, received_at) VALUES (?, ?, ?, ?) ON CONFLICT (inbox_id) DO NOTHING

-- name: unanswered
SELECT inbox_id, kind, body, received_at FROM inbox WHERE is_done = 0 ORDER BY received_at, inbox_id

-- name: done
UPDATE inbox SET is_done = 1, body = '' WHERE inbox_id = ?

-- name: forget_seen
DELETE FROM inbox WHERE is_done = 1 AND received_at < ?

-- name: deliveries
SELECT key, incident_id, place, state, channel, ts, content, attempts, updated_at
FROM deliveries WHERE incident_id = ? ORDER BY key

-- name: put_delivery
INSERT INTO deliveries (key, incident_id, place, state, channel, ts, content, attempts, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (incident_id, key) DO UPDATE SET
  place = excluded.place, state = excluded.state, channel = excluded.channel, ts = excluded.ts,
  content = excluded.content, attempts = excluded.attempts, updated_at = excluded.updated_at

-- name: hold
SELECT run_id FROM holds WHERE name = ?

-- name: add_hold
INSERT INTO holds (name, run_id) VALUES (?, ?) ON CONFLICT (name) DO NOTHING

-- name: drop_holds
DELETE FROM holds WHERE run_id = ?

-- name: holds
SELECT name, run_id FROM holds ORDER BY name

-- name: take_lease
INSERT INTO leases (name, owner, until_at) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until_at = excluded.until_at
WHERE leases.owner = excluded.owner OR leases.until_at <= ?

-- name: drop_lease
DELETE FROM leases WHERE name = ? AND owner = ?

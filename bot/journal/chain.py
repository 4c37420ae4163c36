"""The hash chains: how each record is bound to the one before, and what an audit of them finds.

    event n of a stream   hash = H(hash of event n-1, stream, version, position, name, v, at, body)
    audit record          hash = H(hash of the record before, "audit", …, {heads of every stream written, artifacts})

Each append adds one audit record, so a stream cannot lose its tail, or vanish, without the audit chain saying
what was there. The audit chain's own tail shows as events that no audit record covers. What is left, cutting
both at the same place, shows only against a head kept elsewhere: heads travel in the metadata of Slack messages
and can be given to `verify` as `witnessed`.

Without a key anybody who can write the file can compute every hash anew; with one (HMAC), only who has the key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from bot.journal.base import Verification
from bot.runs.plan import canonical

AUDIT = "audit"
GENESIS = "0" * 64
_KEY_CHECK = b"runbook-bot audit key"


class EventRecord(NamedTuple):
    """One stored event, as the chain sees it."""

    stream: str
    version: int
    position: int
    name: str
    v: int
    at: str
    body: str
    hash: str


class AuditRecord(NamedTuple):
    """One stored audit record: the heads an append left behind."""

    version: int
    position: int
    at: str
    body: str
    hash: str


def next_hash(previous: str, *, record: EventRecord, key: bytes | None) -> str:
    """The hash of a record (whatever its own `hash` says) that follows the one with hash `previous`."""
    head = canonical([previous, *record[:6]])
    return _digest(head + b"\n" + record.body.encode(), key)


def next_audit_hash(previous: str, *, record: AuditRecord, key: bytes | None) -> str:
    """The same for an audit record; its name and version are fixed."""
    version, position, at, body, _ = record
    return next_hash(
        previous, record=EventRecord(AUDIT, version, position, "heads", 1, at, body, ""), key=key
    )


def audit_body(heads: Mapping[str, tuple[int, str]], artifacts: Iterable[str]) -> str:
    """What one append puts into the audit chain."""
    return canonical(
        {"artifacts": sorted(artifacts), "heads": {stream: list(head) for stream, head in heads.items()}}
    ).decode()


def key_check(key: bytes | None) -> str:
    """A value that tells whether two processes use the same audit key, and nothing about the key."""
    return "none" if key is None else _digest(_KEY_CHECK, key)


def _digest(data: bytes, key: bytes | None) -> str:
    if key is None:
        return hashlib.sha256(data).hexdigest()
    return hmac.digest(key, data, "sha256").hex()


def verify(
    *,
    audit: Iterable[AuditRecord],
    events: Iterable[EventRecord],
    artifacts: Iterable[tuple[str, bytes]],
    key: bytes | None,
    witnessed: Mapping[str, tuple[int, str]],
) -> Verification:
    """Recompute every chain. `audit` and each stream's `events` come in order, streams one after another.

    One problem is told per stream, the first: what follows it is a consequence.
    """
    inspection = _Inspection(key, witnessed)
    inspection.read_audit(audit)
    for stream, records in groupby(events, key=attrgetter("stream")):
        inspection.read_stream(stream, records)
    inspection.read_artifacts(artifacts)
    return inspection.result()


class _Inspection:
    """One pass over all records; holds one head per stream, never the events."""

    def __init__(self, key: bytes | None, witnessed: Mapping[str, tuple[int, str]]) -> None:
        self._key = key
        self._unmet = dict(witnessed)
        self._claimed: dict[str, tuple[int, str]] = {}
        self._artifacts: set[str] = set()
        self._found: dict[str, str] = {}
        self._streams = 0
        self._events = 0

    def read_audit(self, records: Iterable[AuditRecord]) -> None:
        previous, version = GENESIS, 0
        for record in records:
            version += 1
            if record.version != version:
                self._say(AUDIT, f"record {version} is missing")
                version = record.version
            elif record.hash != next_audit_hash(previous, record=record, key=self._key):
                self._say(AUDIT, f"record {version} was changed after it was written")
            previous = record.hash
            self._meet(AUDIT, version, record.hash)
            self._note_claims(record)
        self._miss(AUDIT, version)

    def _note_claims(self, record: AuditRecord) -> None:
        try:
            body = json.loads(record.body)
            self._claimed.update({stream: (head[0], head[1]) for stream, head in body["heads"].items()})
            self._artifacts.update(body["artifacts"])
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            self._say(AUDIT, f"record {record.version} cannot be read")

    def read_stream(self, stream: str, records: Iterable[EventRecord]) -> None:
        self._streams += 1
        previous, version = GENESIS, 0
        for record in records:
            self._events += 1
            version += 1
            if record.version != version:
                self._say(stream, f"event {version} is missing")
                version = record.version
            elif record.hash != next_hash(previous, record=record, key=self._key):
                self._say(stream, f"event {version} ({record.name}) was changed after it was written")
            previous = record.hash
            self._meet(stream, version, record.hash)
        self._compare(stream, version, previous)
        self._miss(stream, version)

    def _compare(self, stream: str, version: int, head: str) -> None:
        claimed, claimed_hash = self._claimed.pop(stream, (0, ""))
        if version < claimed:
            self._say(stream, f"its end is missing: {version} of {_count(claimed)} are there")
        elif version > claimed:
            self._say(
                stream,
                f"{_count(version - claimed)} at its end are in no audit record: "
                "the audit chain was cut, or they were added by another hand",
            )
        elif head != claimed_hash:
            self._say(stream, "its last event is not the one the audit chain names")

    def read_artifacts(self, artifacts: Iterable[tuple[str, bytes]]) -> None:
        for digest, body in artifacts:
            self._artifacts.discard(digest)
            if hashlib.sha256(body).hexdigest() != digest:
                self._say(f"artifact {digest}", "its bytes were changed after they were written")
        for digest in sorted(self._artifacts):
            self._say(f"artifact {digest}", "it is missing")

    def result(self) -> Verification:
        for stream, (version, _) in sorted(self._claimed.items()):
            self._say(stream, f"the whole stream is missing; it had {_count(version)}")
        for stream in sorted(self._unmet):
            self._miss(stream, 0)
        problems = tuple(f"{stream}: {problem}" for stream, problem in self._found.items())
        return Verification(streams=self._streams, events=self._events, problems=problems)

    def _say(self, stream: str, problem: str) -> None:
        self._found.setdefault(stream, problem)

    def _meet(self, stream: str, version: int, head: str) -> None:
        """Compare with the head seen elsewhere, when this is the version it was seen at."""
        witnessed = self._unmet.get(stream)
        if witnessed is not None and witnessed[0] == version:
            del self._unmet[stream]
            if witnessed[1] != head:
                self._say(stream, f"version {version} is not the one that was seen elsewhere")

    def _miss(self, stream: str, version: int) -> None:
        """Called at a stream's end: a head seen elsewhere was not met."""
        witnessed = self._unmet.pop(stream, None)
        if witnessed is not None:
            self._say(stream, f"version {witnessed[0]} was seen elsewhere, and only {version} are there")


def _count(events: int) -> str:
    return "1 event" if events == 1 else f"{events} events"

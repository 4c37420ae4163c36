"""What a journal promises; each engine behind it passes the same contract test.

- `append` is the only write to the truth. It names every stream it touches with the version it expects, and is
  atomic over all of them: one writer wins, the other gets `VersionConflict` and reads again.
- Rows derived from events (`IncidentRow`, `RunRow`, `StepRow`, origins) travel with the append, are written in the
  same transaction and can be rebuilt from the events (`reads.rebuild`).
- Operational state (inbox ids seen, deliveries, holds, leases) is not truth: losing it costs a repeated look, never
  a repeated effect.
- Each stream is a hash chain (keyed with `BOT_AUDIT_KEY`); every append adds the new heads to the `audit` chain.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.runs.events import Event, IncidentId, RunId
from bot.runs.plan import Artifact
from bot.runs.statistics import ActionNumbers


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One stored event. `position` orders all streams; `hash` is the chain's head after it (hex)."""

    stream: str
    version: int
    position: int
    event: Event
    hash: str


@dataclass(frozen=True, kw_only=True)
class Write:
    """New events for one stream; `expected_version` is how many it must hold now (0: it must not exist)."""

    stream: str
    expected_version: int
    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class IncidentRow:
    """Rebuildable: one line per incident."""

    incident_id: IncidentId
    service: str
    environment: str
    title: str
    symptom: str
    status: str
    is_open: bool
    """Not resolved, or a run of it is not finished, or a suggestion of it is open: it needs driving at start."""
    opened_at: datetime
    updated_at: datetime
    channel: str = ""
    thread_ts: str = ""
    permalink: str = ""
    origins: tuple[str, ...] = ()
    """Outside keys; each belongs to one incident (a later incident may take over a key of a resolved one)."""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """Rebuildable: one line per run."""

    run_id: RunId
    incident_id: IncidentId
    runbook: str
    version: str
    service: str
    tenant: str
    environment: str
    status: str
    is_open: bool
    opened_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    requester: str = ""
    decided_by: str = ""
    symptom: str = ""
    dry_run: bool = False
    step_count: int = 0


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """Rebuildable: one line per step of a run that was reached; `automation_events` in SQL shows a part of it.

    What the words mean, and who counts as whose hands, stands in `bot.runs.automation`.
    """

    run_id: RunId
    step: str
    """`steps/0`."""
    name: str
    action: str
    """Its action's id, or `RUNBOOK/STEP`."""
    type: str
    service: str
    tenant: str
    environment: str
    runbook: str
    version: str
    status: str
    at: datetime
    actor: str = ""
    reason: str = ""
    proposals: int = 0
    edits: int = 0
    is_unattended: bool = False
    is_unchanged: bool = False
    is_rejected: bool = False
    is_skipped: bool = False
    is_overridden: bool = False
    is_expired: bool = False
    is_cancelled: bool = False
    has_failed: bool = False
    was_unknown: bool = False
    is_rolled_back: bool = False
    decide_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rebuildable rows, in no promised order."""

    incidents: tuple[IncidentRow, ...] = ()
    runs: tuple[RunRow, ...] = ()
    steps: tuple[StepRow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Operational: what Slack has of one message key. `content` is the digest of what was last sent.

    What PagerDuty was told stands here too, in the place `pagerduty`, under keys that begin so.
    """

    key: str
    incident_id: IncidentId
    place: str
    state: str
    """sending (asked, answer not recorded), sent, failed, given up."""
    channel: str = ""
    ts: str = ""
    content: str = ""
    attempts: int = 0
    updated_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Everything one append writes."""

    writes: tuple[Write, ...]
    incidents: tuple[IncidentRow, ...] = ()
    runs: tuple[RunRow, ...] = ()
    steps: tuple[StepRow, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    inbox_id: str = ""
    """A signal id that this append answers; marked done in the same transaction."""


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Operational: a name (a target, a slot) held by one run."""

    name: str
    run_id: RunId


@dataclass(frozen=True, kw_only=True)
class InboxItem:
    """Operational: a signal that was accepted and is not answered yet."""

    inbox_id: str
    kind: str
    body: str
    received_at: datetime


@dataclass(frozen=True, kw_only=True)
class HistoryQuery:
    """Which runs to list, newest first; "" and None ask for nothing in particular."""

    service: str = ""
    runbook: str = ""
    status: str = ""
    symptom: str = ""
    tenant: str = ""
    tenants: tuple[str, ...] | None = None
    """Only runs of these teams ("" for none), where somebody may not see all of them."""
    environment: str = ""
    id_prefix: str = ""
    """How the run's id begins; people type a few letters of it."""
    since: datetime | None = None
    before: datetime | None = None
    open_only: bool = False
    limit: int = 50
    cursor: str = ""
    """What `HistoryPage.next_cursor` gave: the page after that one."""


@dataclass(frozen=True, kw_only=True)
class HistoryPage:
    """One page of history; `next_cursor` is "" on the last one."""

    runs: tuple[RunRow, ...]
    next_cursor: str = ""


@dataclass(frozen=True, kw_only=True)
class NumbersQuery:
    """Which steps to count: by the moment they last changed, and where."""

    since: datetime | None = None
    service: str = ""
    action: str = ""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What an audit of the chains found; `problems` empty means untouched. Each begins with its stream."""

    streams: int
    events: int
    problems: tuple[str, ...] = field(default=())


class Journal(Protocol):
    """The one interface to storage. All methods raise `JournalUnavailable` when it cannot be reached.

    After `JournalUnavailable` or a cancellation out of a write it may have landed or not: read before going on.
    """

    async def append(self, batch: Batch) -> tuple[Recorded, ...]:
        """Write everything or nothing; `VersionConflict` when a stream moved on. Durable when it returns.

        A `Write` without events only checks its version. What comes back holds the events as every reader sees
        them. `BadInput` for an event that cannot be stored; then nothing was written.
        """

    async def read(self, stream: str, *, after_version: int = 0) -> tuple[Recorded, ...]:
        """The events of one stream in order; empty when there is none."""

    async def read_many(self, streams: Sequence[str]) -> dict[str, tuple[Recorded, ...]]:
        """The events of several streams as they stand at one moment, in one read; those that are empty are left out."""

    async def streams(self) -> dict[str, int]:
        """Every stream with its version."""

    async def replace_rows(self, rows: Rows, *, as_of: Mapping[str, int], edition: int) -> None:
        """Drop all rebuildable rows and write these; `VersionConflict` when `streams()` is not `as_of` any more.

        `edition` says by which rules they were made, and is remembered."""

    async def row_edition(self) -> int:
        """The edition of the last `replace_rows`; 0 where there was none: what is there may lack what is made today."""

    async def artifact(self, digest: str) -> Artifact | None:
        """The stored file with this digest."""

    async def incident_by_origin(self, key: str) -> IncidentRow | None:
        """The incident that carries this outside key, the newest where several did."""

    async def incidents(self, *, open_only: bool = False, limit: int = 500) -> tuple[IncidentRow, ...]:
        """Incidents, newest first."""

    async def incident_row(self, incident_id: IncidentId) -> IncidentRow | None:
        """The row of one incident."""

    async def incident_rows(self, incident_ids: Sequence[IncidentId]) -> tuple[IncidentRow, ...]:
        """The rows of those of these that there are, in one read and in no order; at most a few hundred."""

    async def run_row(self, run_id: RunId) -> RunRow | None:
        """The row of one run."""

    async def runs(self, query: HistoryQuery) -> tuple[RunRow, ...]:
        """Runs that fit, newest first; `BadInput` for a cursor that none was. For pages see `reads.history`."""

    async def steps(self, run_id: RunId) -> tuple[StepRow, ...]:
        """The step rows of one run, in no promised order."""

    async def numbers(self, query: NumbersQuery) -> tuple[ActionNumbers, ...]:
        """The steps that fit, counted by action, in no promised order."""

    async def accept(self, item: InboxItem) -> bool:
        """Remember a signal durably before answering its sender; False when its id was seen before."""

    async def unanswered(self) -> tuple[InboxItem, ...]:
        """Signals accepted and not marked done, oldest first (after a crash they are handled again)."""

    async def done(self, inbox_id: str) -> None:
        """Mark a signal as handled where no append carried its id."""

    async def forget_seen(self, *, before: datetime) -> int:
        """Drop handled inbox ids received before this; returns how many."""

    async def deliveries(self, incident_id: IncidentId) -> tuple[Delivery, ...]:
        """What Slack has of an incident."""

    async def record_delivery(self, *deliveries: Delivery) -> None:
        """Insert or replace by key. `sending` is durable when this returns; the others survive this process, and the
        machine's power only with whatever is appended next."""

    async def take_holds(self, run_id: RunId, names: Sequence[str]) -> Hold | None:
        """Take all names for the run or none: None on success, else the first hold that is in the way.
        Names the run has already are fine. Survives this process, and the machine's power only with whatever is
        appended next."""

    async def release_holds(self, run_id: RunId) -> None:
        """Give back everything the run holds; as durable as taking it."""

    async def holds(self) -> tuple[Hold, ...]:
        """Everything held now."""

    async def take_lease(self, name: str, *, owner: str, until: datetime, now: datetime) -> bool:
        """Become or stay the owner of a name until then; False while another's lease runs."""

    async def release_lease(self, name: str, *, owner: str) -> None:
        """Give a lease back early."""

    async def diagnoses(self, *, since: datetime | None = None) -> tuple[Recorded, ...]:
        """What diagnoses said and what people said of them, of all incidents, from `since` on, in order of time."""

    async def heads(self, streams: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Version and hash of each stream's last event; of the audit chain too under the name `audit`.
        A stream that does not exist is left out."""

    async def verify(self, *, witnessed: Mapping[str, tuple[int, str]] | None = None) -> Verification:
        """Recompute every chain; `witnessed` are heads kept elsewhere (as `heads` gave them) that must still hold."""

    def changes(self) -> AsyncIterator[tuple[str, ...]]:
        """Names of streams as they are appended to, from this call on; for waking drivers and the thread.

        One subscriber's names gather, each once, while it is busy; it ends when the journal is closed."""

    async def close(self) -> None:
        """Finish what is queued, then let go of the file or the pool."""

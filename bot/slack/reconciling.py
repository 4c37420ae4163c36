"""One incident's thread against what Slack has of it: one pass closes the gap as far as Slack lets it.

The states of a key and the reasons are told in `delivery`; this is the pass itself. It holds what one process learnt
while an incident was busy (how often a lane failed) and nothing that matters after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot.engine.clock import Clock
from bot.engine.ledger import Change, Ledger
from bot.errors import VersionConflict
from bot.intake.incident import Incident, ThreadOpened
from bot.journal.base import Delivery, Journal
from bot.runs.events import IncidentId
from bot.runs.state import Run
from bot.slack.calls import SlackTrouble
from bot.slack.gateway import Gateway, Posted
from bot.slack.message import Message
from bot.slack.placing import PLACE_TROUBLE, Anchor, Placing, is_about_content

log = structlog.get_logger()

Compose = Callable[[Incident, Sequence[Run]], Sequence[Message]]
Told = Callable[[str], None]
"""Told of what came of each message: `posted`, `edited`, held back for `later`, or `given_up`."""

EDIT_EVERY = timedelta(seconds=1)
LOOK_AFTER_S = 1.0
"""A post whose answer was lost is looked for after this, not at once: Slack may still be at it."""
MAX_BACKOFF_S = 60.0
GIVE_UP_AFTER = 5
"""Refusals of one message for what it is; then the thread goes on without it."""

GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""An edit has nothing left to edit: somebody deleted the message, and is right to."""


class Reconciler:
    """One incident. Not for two tasks at once."""

    def __init__(
        self,
        incident_id: IncidentId,
        *,
        journal: Journal,
        ledger: Ledger,
        gateway: Gateway,
        clock: Clock,
        compose: Compose,
        told: Told = lambda _result: None,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._told = told
        self.incident_id = incident_id
        self._journal = journal
        self._ledger = ledger
        self._gateway = gateway
        self._clock = clock
        self._compose = compose
        self._is_stopping = is_stopping
        self._placing = Placing(incident_id=incident_id, journal=journal, gateway=gateway, clock=clock)
        self._records: dict[str, Delivery] | None = None
        self._failures: dict[str, int] = {}
        self._held: dict[str, datetime] = {}
        self._opening_again_at: datetime | None = None

    async def reconcile(self) -> datetime | None:
        """Say what is missing; returns when to look again unasked, None when nothing is left for later."""
        if self._records is None:
            self._records = {one.key: one for one in await self._journal.deliveries(self.incident_id)}
        incident = await self._ledger.incident(self.incident_id)
        runs = await self._ledger.runs_of(incident)
        anchor = self._anchor(incident)
        later: list[datetime] = []
        if anchor is not None:
            later += await self._open(incident, anchor)
        for message in self._compose(incident, runs):
            if self._is_stopping():
                return None
            due = await self._settle(message, incident, runs)
            if due is not None:
                later.append(due)
        return min(later, default=None)

    async def _settle(self, message: Message, incident: Incident, runs: Sequence[Run]) -> datetime | None:
        """Bring one message up to date, or say when to try again."""
        record = self._known.get(message.key)
        if record is not None and record.state == "sent":
            return await self._edit(message, record)
        if record is not None and _is_given_up(record):
            return None
        lane = _lane(message)
        held_until = self._held.get(lane)
        if held_until is not None and held_until > self._clock.now():
            return held_until
        try:
            due = await self._deliver(message, record, incident, runs)
        except SlackTrouble as trouble:
            return self._hold(message, lane, trouble)
        if due is None:
            self._failures.pop(lane, None)
            self._held.pop(lane, None)
            record = self._known.get(message.key)
            if record is not None and record.state == "sent":
                return await self._edit(message, record)
        return due

    # ------------------------------------------------------------ new messages

    async def _deliver(
        self, message: Message, record: Delivery | None, incident: Incident, runs: Sequence[Run]
    ) -> datetime | None:
        if record is not None and record.state == "sending":
            found = await self._placing.found(message, record)
            if isinstance(found, datetime):
                # What comes after a file may point at it ("shown in full in the file above"), so it waits too.
                self._held[_lane(message)] = found
                return found
            if found is not None:
                # It shows what was sent then. Where that is no longer what it should show, an edit follows.
                await self._sent(message, found, incident, content=record.content)
                return None
        target = await self._target(message, incident)
        if target is None:
            return None
        asking = self._asking(message, record, channel=target.channel, thread_ts=target.ts)
        await self._record(asking)
        try:
            posted = await self._placing.send(message, target, runs)
        except SlackTrouble as trouble:
            if not trouble.maybe_done:
                await self._record(_refused(message, asking, trouble))
            raise
        self._told("posted")
        await self._sent(message, posted, incident)
        return None

    async def _target(self, message: Message, incident: Incident) -> Anchor | None:
        """Where it goes; None while the thread has no root to answer under."""
        if message.place.startswith("user:"):
            return Anchor(channel=message.place.removeprefix("user:"), ts="")
        if message.place.startswith("under:"):
            _, channel, ts = message.place.split(":", 2)
            return Anchor(channel=channel, ts=ts)
        if message.place == "channel":
            return Anchor(channel=await self._gateway.channel_id(incident.place.channel), ts="")
        return self._anchor(incident)

    def _asking(self, message: Message, record: Delivery | None, *, channel: str, thread_ts: str) -> Delivery:
        return Delivery(
            key=message.key,
            incident_id=self.incident_id,
            place=message.place,
            state="sending",
            channel=channel,
            # While sending, `ts` says where to look: the thread it goes to. Once sent it is the message's own.
            ts=thread_ts,
            content=message.content,
            attempts=(record.attempts if record else 0) + 1,
            updated_at=self._clock.now(),
        )

    async def _sent(self, message: Message, posted: Posted, incident: Incident, *, content: str = "") -> None:
        await self._record(
            Delivery(
                key=message.key,
                incident_id=self.incident_id,
                place=message.place,
                state="sent",
                channel=posted.channel,
                ts=posted.ts,
                content=content or message.content,
                attempts=self._attempts(message.key),
                updated_at=self._clock.now(),
            )
        )
        if message.place == "channel":
            await self._open(incident, Anchor(channel=posted.channel, ts=posted.ts))

    def _hold(self, message: Message, lane: str, trouble: SlackTrouble) -> datetime | None:
        """Hold the lane back for a while, or go on at once without a message that was given up."""
        record = self._known.get(message.key)
        is_given_up = record is not None and _is_given_up(record)
        failures = self._failures[lane] = self._failures.get(lane, 0) + 1
        wait_s = _wait_s(trouble, failures)
        log.warning(
            "message-given-up" if is_given_up else "message-not-delivered",
            key=message.key,
            incident=self.incident_id,
            reason=str(trouble),
            again_in_s=None if is_given_up else wait_s,
        )
        self._told("given_up" if is_given_up else "later")
        if is_given_up:
            return None
        self._held[lane] = self._clock.now() + timedelta(seconds=wait_s)
        return self._held[lane]

    # ------------------------------------------------------------ edits

    async def _edit(self, message: Message, record: Delivery) -> datetime | None:
        if not message.is_changed(record.content):
            if record.content.startswith("live:") and record.content != message.content:
                await self._record(replace(record, content=message.content))
            return None
        now = self._clock.now()
        if not record.ts:
            await self._record(replace(record, content=message.content))
            return None
        due = max(
            # a tail may wait for its next second; buttons that are spent must not
            (record.updated_at or now) + EDIT_EVERY if message.live else now,
            self._held.get(f"edit:{message.key}", now),
            self._held.get("edit", now),
        )
        if due > now:
            return due
        try:
            await self._placing.change(message, Posted(channel=record.channel, ts=record.ts))
        except SlackTrouble as trouble:
            return await self._edit_troubled(message, record, trouble)
        self._failures.pop(f"edit:{message.key}", None)
        self._told("edited")
        await self._record(replace(record, content=message.content, updated_at=self._clock.now()))
        return None

    async def _edit_troubled(
        self, message: Message, record: Delivery, trouble: SlackTrouble
    ) -> datetime | None:
        if trouble.error in GONE:
            log.warning("message-gone", key=message.key, incident=self.incident_id, reason=str(trouble))
            await self._record(replace(record, content=message.content, ts=""))
            return None
        self._told("later")
        lane = f"edit:{message.key}"
        failures = self._failures[lane] = self._failures.get(lane, 0) + 1
        if trouble.retry_after_s is not None:
            lane = "edit"
        self._held[lane] = self._clock.now() + timedelta(seconds=_wait_s(trouble, failures))
        log.warning("message-not-updated", key=message.key, incident=self.incident_id, reason=str(trouble))
        return self._held[lane]

    # ------------------------------------------------------------ the thread itself

    def _anchor(self, incident: Incident) -> Anchor | None:
        """A root of our own where there is one, else the message we answer under."""
        for record in self._known.values():
            if record.place == "channel" and record.state == "sent" and record.ts:
                return Anchor(channel=record.channel, ts=record.ts)
        if incident.place.thread_ts:
            return Anchor(channel=incident.place.channel, ts=incident.place.thread_ts)
        return None

    async def _open(self, incident: Incident, anchor: Anchor) -> list[datetime]:
        """Append `ThreadOpened` once; trouble with it is tried again later and holds no words back."""
        if any(isinstance(event, ThreadOpened) for event in incident.events):
            return []
        now = self._clock.now()
        if self._opening_again_at is not None and self._opening_again_at > now:
            return [self._opening_again_at]
        try:
            permalink = await self._gateway.permalink(Posted(channel=anchor.channel, ts=anchor.ts))
            opened = ThreadOpened(at=now, channel=anchor.channel, ts=anchor.ts, permalink=permalink)
            await self._ledger.append(Change(incident=incident, incident_events=(opened,)))
        except VersionConflict:
            return [now]
        except SlackTrouble as trouble:
            log.warning("thread-not-linked", incident=self.incident_id, reason=str(trouble))
            self._opening_again_at = now + timedelta(seconds=trouble.retry_after_s or LOOK_AFTER_S * 5)
            return [self._opening_again_at]
        return []

    # ------------------------------------------------------------ records

    @property
    def _known(self) -> dict[str, Delivery]:
        assert self._records is not None
        return self._records

    def _attempts(self, key: str) -> int:
        record = self._known.get(key)
        return record.attempts if record is not None else 0

    async def _record(self, record: Delivery) -> None:
        await self._journal.record_delivery(record)
        self._known[record.key] = record


def _lane(message: Message) -> str:
    return message.place if message.place.startswith(("user:", "under:")) else "thread"


def _refused(message: Message, asking: Delivery, trouble: SlackTrouble) -> Delivery:
    """Nothing was posted. Refusals of the message itself count towards giving up; a bad place or moment does not."""
    if not trouble.is_refusal:
        return replace(asking, state="failed", attempts=0)
    if is_about_content(trouble) or message.place.startswith("user:"):
        return replace(asking, state="failed", attempts=GIVE_UP_AFTER)
    if trouble.error in PLACE_TROUBLE:
        return replace(asking, state="failed", attempts=0)
    return replace(asking, state="failed")


def _is_given_up(record: Delivery) -> bool:
    return record.state == "failed" and record.attempts >= GIVE_UP_AFTER


def _wait_s(trouble: SlackTrouble, failures: int) -> float:
    if trouble.retry_after_s is not None:
        return trouble.retry_after_s
    if trouble.error in PLACE_TROUBLE:
        return MAX_BACKOFF_S
    return float(min(MAX_BACKOFF_S, LOOK_AFTER_S * 2 ** min(failures - 1, 10)))

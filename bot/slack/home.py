"""Keeps the App Home of everybody who opened it in step with the journal, without a word too many to Slack.

Slack tells when somebody opens their Home and never when they leave, so whoever opened it lately is a viewer: theirs is
drawn anew when something changed, and published only where it would look different. One loop does all of it: it waits
until something moved, lets a few more changes gather, and goes through the viewers, each at most once in `EVERY`.
Now and then Slack asks to wait; then everybody waits that long, and the newest state is published once, not each state
in between.

Until the first person opens their Home nothing is read. The hash of what we published last goes with the next version:
where another process was faster, Slack refuses (`hash_conflict`), and the view drawn now is newer than either.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from bot.engine.board import Board
from bot.engine.clock import Clock
from bot.errors import JournalError
from bot.runs.events import IncidentId
from bot.runs.plan import JsonObject
from bot.slack.calls import SlackTrouble
from bot.slack.directory import SlackDirectory
from bot.slack.gateway import Gateway
from bot.slack.views import home as drawn

log = structlog.get_logger()

MOST_VIEWERS = 200
VIEWS_FOR = timedelta(hours=12)
EVERY = timedelta(seconds=2)
GATHER_S = 0.05
AFTER_TROUBLE = timedelta(seconds=5)
NUMBERS_FOR = timedelta(minutes=5)
"""How old the numbers may be: they are counted over all that ever ran."""

Numbers = Callable[[], Awaitable[Sequence[str]]]


@dataclass
class _Viewer:
    user_id: str
    seen_at: datetime
    hash: str = ""
    shown: str = ""
    """Digest of what was published last."""
    due: bool = True
    not_before: datetime | None = None


@dataclass
class Home:
    """`opened` for each `app_home_opened`; `run` as a task; `stop` it before the journal closes."""

    board: Board
    gateway: Gateway
    directory: SlackDirectory
    clock: Clock
    numbers: Numbers
    _viewers: dict[str, _Viewer] = field(default_factory=dict)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _has_viewers: asyncio.Event = field(default_factory=asyncio.Event)
    _counted: tuple[datetime, Sequence[str]] | None = None

    def opened(self, user_id: str, *, view_hash: str = "") -> None:
        """Somebody looks at their Home now; what was published there before is replaced where it is old."""
        viewer = self._viewers.pop(user_id, None) or _Viewer(user_id=user_id, seen_at=self.clock.now())
        viewer.seen_at, viewer.due, viewer.not_before = self.clock.now(), True, None
        viewer.hash = view_hash or viewer.hash
        self._viewers[user_id] = viewer
        if len(self._viewers) > MOST_VIEWERS:
            del self._viewers[next(iter(self._viewers))]
        self._has_viewers.set()
        self._moved.set()

    def stir(self) -> None:
        """Something changed that the journal does not tell: who is in a group."""
        self._all_due()

    async def run(self) -> None:
        """Publish until cancelled."""
        await self._has_viewers.wait()
        while True:
            try:
                await self._follow()
                return
            except JournalError as trouble:
                log.warning("homes-not-followed", reason=str(trouble))
            except Exception:  # one run that cannot be read must not leave every Home as it was for ever
                log.exception("homes-broke", reference=uuid4().hex[:8])
            await self.clock.wait(asyncio.Event(), self.clock.now() + AFTER_TROUBLE)

    async def _follow(self) -> None:
        # Subscribed before looking, so that nothing appended in between is missed.
        changes = self.board.operations.ledger.journal.changes()
        await self.board.open()
        # Whoever was due before a trouble still is.
        self._moved.set()
        following = asyncio.create_task(self._listen(changes), name="slack-home-journal")
        try:
            while not following.done():
                await self.clock.wait(self._moved, self._next_at())
                self._moved.clear()
                # The machine's own time: a decision and what follows from it come milliseconds apart.
                await asyncio.sleep(GATHER_S)
                await self.publish_due()
        finally:
            following.cancel()

    async def _listen(self, changes: AsyncIterator[tuple[str, ...]]) -> None:
        async for streams in changes:
            self.board.stir(streams)
            self._all_due()

    def _all_due(self) -> None:
        for viewer in self._viewers.values():
            viewer.due = True
        self._moved.set()

    def _next_at(self) -> datetime | None:
        waiting = [one.not_before for one in self._viewers.values() if one.due and one.not_before is not None]
        return min(waiting, default=None)

    async def publish_due(self) -> None:
        """Bring the Home of each viewer up to date whose turn it is."""
        await self.board.freshen()
        for viewer in tuple(self._viewers.values()):
            now = self.clock.now()
            if now - viewer.seen_at > VIEWS_FOR:
                self._viewers.pop(viewer.user_id, None)
            elif viewer.due and (viewer.not_before is None or viewer.not_before <= now):
                viewer.due, viewer.not_before = False, now + EVERY
                await self._publish(viewer)

    async def _publish(self, viewer: _Viewer) -> None:
        try:
            await self._show(viewer, await self.draw(viewer.user_id))
        except SlackTrouble as trouble:
            self._after(viewer, trouble)
        except JournalError as trouble:
            log.warning("home-not-read", user=viewer.user_id, reason=str(trouble))
            self._later(viewer, AFTER_TROUBLE)
        except Exception:  # one Home that cannot be drawn must not stop those of others
            log.exception("home-broke", user=viewer.user_id, reference=uuid4().hex[:8])

    def _after(self, viewer: _Viewer, trouble: SlackTrouble) -> None:
        if trouble.retry_after_s is not None:
            self._later(viewer, timedelta(seconds=trouble.retry_after_s))
        elif trouble.is_refusal:
            log.warning("home-refused", user=viewer.user_id, reason=str(trouble))
            viewer.shown = ""
        else:
            self._later(viewer, AFTER_TROUBLE)

    def _later(self, viewer: _Viewer, wait: timedelta) -> None:
        viewer.due, viewer.not_before, viewer.shown = True, self.clock.now() + wait, ""

    async def _show(self, viewer: _Viewer, view: JsonObject) -> None:
        digest = hashlib.sha256(json.dumps(view).encode()).hexdigest()
        if digest == viewer.shown:
            return
        try:
            viewer.hash = await self.gateway.publish_view(viewer.user_id, view, expected_hash=viewer.hash)
        except SlackTrouble as trouble:
            if trouble.error != "hash_conflict":
                raise
            viewer.hash = await self.gateway.publish_view(viewer.user_id, view)
        viewer.shown = digest

    async def draw(self, user_id: str) -> JsonObject:
        """One person's Home as it should look now."""
        caller = await self.directory.caller_of({"id": user_id})
        if caller.barred:
            return drawn.closed(caller.barred)
        decided = self.board.decisions_of(caller, most=drawn.MOST_DECISIONS)
        return drawn.home(
            drawn.Seen(
                waiting=await self.board.waiting_for(caller),
                going_on=self.board.going_on(),
                decided=decided,
                links=await self._links([one.incident_id for one in decided]),
                numbers=await self._numbers(),
            )
        )

    async def _links(self, incident_ids: Sequence[IncidentId]) -> dict[IncidentId, str]:
        if not incident_ids:
            return {}
        rows = await self.board.operations.ledger.journal.incident_rows(list(dict.fromkeys(incident_ids)))
        return {row.incident_id: row.permalink for row in rows if row.permalink}

    async def _numbers(self) -> Sequence[str]:
        now = self.clock.now()
        if self._counted is None or now - self._counted[0] > NUMBERS_FOR:
            self._counted = (now, await self.numbers())
        return self._counted[1]

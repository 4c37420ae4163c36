"""Where a step that speaks in the incident's thread really posts: the thread is looked up when it is sent.

A plan names the thread by its incident (`incident:<id>`), because the thread may not be open when the step is approved
and an approval must not change when it opens. A step that speaks before the root stands waits for it here; its own
time limit ends the wait.
"""

from __future__ import annotations

from bot.actions.tools import Post
from bot.engine.ledger import Ledger
from bot.engine.making import THREAD
from bot.intake.incident import Place, stream_of
from bot.runs.events import IncidentId


class IncidentPosts:
    """`actions.tools.Post` that knows incidents."""

    def __init__(self, posts: Post, ledger: Ledger) -> None:
        self._posts = posts
        self._ledger = ledger

    async def __call__(self, channel: str, thread_ts: str, text: str, key: str) -> str:
        """Post once per key, in the incident's thread where the plan names one."""
        if thread_ts.startswith(THREAD):
            place = await self._opened(IncidentId(thread_ts.removeprefix(THREAD)))
            channel, thread_ts = place.channel, place.thread_ts
        return await self._posts(channel, thread_ts, text, key)

    async def _opened(self, incident_id: IncidentId) -> Place:
        changes = self._ledger.journal.changes()
        place = (await self._ledger.incident(incident_id)).place
        while not place.thread_ts:
            streams = await anext(changes)
            if stream_of(incident_id) in streams:
                place = (await self._ledger.incident(incident_id)).place
        return place

"""How a running step speaks: the port of the `slack` action, once per key.

What a step says in another channel is an effect of the run, not a line of the thread that follows from the journal,
so it is not reconciled: it is looked for, posted once, and what is not known is said as unknown.
"""

from __future__ import annotations

from datetime import timedelta

from bot.engine.clock import Clock
from bot.errors import ActionUnknown
from bot.slack.calls import SlackTrouble
from bot.slack.finding import find_message
from bot.slack.gateway import Gateway, Posted
from bot.slack.message import metadata_of

STEP = "step"
"""Stands in the metadata where a thread's message names its incident."""

LOOK_BACK = timedelta(days=1)
"""How long ago a step may have spoken and still be asked to speak again: no approval stays open longer."""

KEPT = 1000


class StepPosts:
    """`actions.tools.Post` over Slack."""

    def __init__(self, gateway: Gateway, *, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._known: dict[str, str] = {}

    async def __call__(self, channel: str, thread_ts: str, text: str, key: str) -> str:
        """Post once per key and answer with the permalink, or the ts where Slack gives none.

        Raises `SlackTrouble` (nothing was posted) or `ActionUnknown` (the answer was lost).
        """
        if key in self._known:
            return self._known[key]
        channel_id = await self._gateway.channel_id(channel)
        posted = await self._find(channel_id, thread_ts, key)
        if posted is None:
            posted = await self._post(channel_id, thread_ts, text, key)
        where = await self._where(posted)
        self._known[key] = where
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return where

    async def _find(self, channel: str, thread_ts: str, key: str) -> Posted | None:
        since = self._clock.now() - LOOK_BACK
        return await find_message(
            self._gateway, channel=channel, thread_ts=thread_ts, incident_id=STEP, key=key, since=since
        )

    async def _post(self, channel: str, thread_ts: str, text: str, key: str) -> Posted:
        try:
            return await self._gateway.post(
                channel, text=text, thread_ts=thread_ts, metadata=metadata_of(key, incident=STEP)
            )
        except SlackTrouble as trouble:
            if not trouble.maybe_done:
                raise
            return await self._found_after(trouble, channel, thread_ts, key)

    async def _found_after(self, trouble: SlackTrouble, channel: str, thread_ts: str, key: str) -> Posted:
        try:
            posted = await self._find(channel, thread_ts, key)
        except SlackTrouble:
            posted = None
        if posted is None:
            raise ActionUnknown(
                f"the message was sent to {channel} and slack's answer was lost",
                hint="look in the channel whether it is there",
            ) from trouble
        return posted

    async def _where(self, posted: Posted) -> str:
        try:
            return await self._gateway.permalink(posted) or posted.ts
        except SlackTrouble:
            return posted.ts

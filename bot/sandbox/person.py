"""One person at their screen: says, clicks, types, chooses and reads what Slack would let them.

Each act ends when the app has acknowledged it, or three seconds later. Acts that the screen does not offer
raise NotThere; acts Slack refuses raise SlackError.
"""

from __future__ import annotations

from typing import Any

from bot.sandbox.dispatch import Answer
from bot.sandbox.interactions import Interactions
from bot.sandbox.members import Channel, User
from bot.sandbox.protocol import Json, SlackError
from bot.sandbox.workspace import Workspace


class Person:
    """Acts as `user`."""

    def __init__(self, user: User, *, workspace: Workspace, interactions: Interactions) -> None:
        self.user = user
        self._workspace = workspace
        self._interactions = interactions

    async def post(self, channel: str, text: str, thread_ts: str | None = None) -> str:
        """Say something, in Slack's own notation (`<@U…>` mentions); gives its ts."""
        place = self._channel(channel)
        if self.user.id not in place.members:
            raise SlackError("not_in_channel")
        return str(self._workspace.post(place, sender=self.user, text=text, thread_ts=thread_ts)["ts"])

    async def click(
        self,
        channel: str,
        ts: str,
        action_id: str,
        block_id: str | None = None,
        *,
        choice: Any = None,
        values: Json | None = None,
        seen: Json | None = None,
    ) -> Answer:
        """Use an element of a message, past its confirm dialog; `choice` is an option's value, a user id, a text.

        `values` are entries of the message's other elements, `{block_id: value}` as in `submit`.
        `seen` is an older version of the message that is still on this screen, for clicks that come late.
        """
        return await self._interactions.click_message(
            self.user,
            self._channel(channel),
            ts=ts,
            action_id=action_id,
            block_id=block_id,
            choice=choice,
            values=values,
            seen=seen,
        )

    async def view_click(
        self,
        view_id: str,
        action_id: str,
        block_id: str | None = None,
        *,
        choice: Any = None,
        values: Json | None = None,
    ) -> Answer:
        """Use an element of a Home tab or an open modal."""
        return await self._interactions.click_view(
            self.user, view_id=view_id, action_id=action_id, block_id=block_id, choice=choice, values=values
        )

    async def command(self, line: str, channel: str) -> Answer:
        """Type a slash command into a channel's composer."""
        return await self._interactions.command(self.user, self._channel(channel), line)

    async def submit(self, view_id: str, values: Json) -> Answer:
        """Submit a modal; `values` is `{block_id: value}` or `{block_id: {action_id: value}}`."""
        return await self._interactions.submit(self.user, view_id=view_id, values=values)

    async def close(self, view_id: str, *, is_cleared: bool = False) -> None:
        """Close a modal without submitting; `is_cleared` closes those below too."""
        await self._interactions.close(self.user, view_id=view_id, is_cleared=is_cleared)

    async def shortcut(self, callback_id: str, channel: str | None = None, ts: str | None = None) -> Answer:
        """Choose a shortcut, with channel and ts that of a message."""
        place = None if channel is None else self._channel(channel)
        return await self._interactions.shortcut(self.user, callback_id, channel=place, ts=ts)

    async def open_home(self) -> Json | None:
        """Open the app's Home; gives what is published there now."""
        self._interactions.open_home(self.user)
        return self._workspace.views.home(self.user.id)

    @property
    def modal(self) -> Json | None:
        """The modal on top."""
        return self._workspace.views.top(self.user.id)

    @property
    def home(self) -> Json | None:
        """The Home as it was last published."""
        return self._workspace.views.home(self.user.id)

    @property
    def ephemerals(self) -> list[Json]:
        """What only this person was shown."""
        return self._workspace.messages.ephemerals_of(self.user.id)

    def _channel(self, named: str) -> Channel:
        return self._workspace.channel(named, for_user=self.user.id)

"""The whole Slack door against the local Slack: real Bolt, real Socket Mode or signed HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

from bot.engine.operations import Operations
from bot.engine.ports import ClickRef
from bot.runs.events import IncidentId, ProposalId, RunId
from bot.slack import ids
from bot.slack.directory import SlackDirectory
from bot.slack.door import Access, SlackDoor
from tests.slack.desk import CHANNEL, Desk
from tests.slack.recording import Recording

REF = ClickRef(
    incident_id=IncidentId("i-1"), proposal_id=ProposalId("p-1"), digest="d" * 64, run_id=RunId("r-1")
)


class Door:
    """The door, what is behind it, and the street in front of it."""

    def __init__(self, desk: Desk, operations: Recording, *, mode: Literal["socket", "http"]) -> None:
        self.desk = desk
        self.slack = desk.slack
        self.operations = operations
        self.woken = 0
        self.directory = SlackDirectory(desk.gateway, clock=desk.clock)
        self.door = SlackDoor(
            Access(
                mode=mode,
                base_url=desk.slack.base_url,
                app_token=desk.slack.app_token,
                signing_secret=desk.slack.signing_secret,
            ),
            gateway=desk.gateway,
            directory=self.directory,
            operations=cast(Operations, operations),
            journal=desk.journal,
            clock=desk.clock,
            wake=self._wake,
            numbers=self._numbers,
            answer_within_s=0.5,
        )

    async def _numbers(self) -> Sequence[str]:
        return ("flush: 3 steps, nothing stands out yet",)

    def _wake(self) -> None:
        self.woken += 1

    async def post_button(
        self, action_id: str, value: str = "", *, thread: bool = True, **element: Any
    ) -> tuple[str, str]:
        """A message of ours with one button, in a thread; gives (root ts, its ts)."""
        root = await self.desk.gateway.post(CHANNEL, text="the root")
        button = {
            "type": "button",
            "action_id": action_id,
            "text": {"type": "plain_text", "text": "Go"},
            "value": value or ids.click_value(REF),
            **element,
        }
        if element.get("type") == "static_select":
            button.pop("value")
            button["placeholder"] = button.pop("text")
        block = {"type": "actions", "block_id": "menu:i-1:x", "elements": [button]}
        posted = await self.desk.gateway.post(
            CHANNEL, text="a proposal", blocks=[block], thread_ts=root.ts if thread else ""
        )
        return root.ts, posted.ts

    async def click(self, user: str, action_id: str, value: str = "", **element: Any) -> str:
        """Post such a button and click it; gives the thread."""
        root, ts = await self.post_button(action_id, value, **element)
        await self.slack.user(user).click(CHANNEL, ts, action_id)
        return root

    async def asked(self, name: str, *, times: int = 1) -> Any:
        """The last thing the engine was asked under this name."""
        await self.slack.until(
            lambda: self.operations.names.count(name) >= times, what=f"the engine to be asked to {name}"
        )
        return next(entry for entry in reversed(self.operations.asked) if entry[0] == name)

    async def told(self, user: str) -> dict[str, Any]:
        """The first ephemeral message this person was shown."""
        shown = await self.slack.until(lambda: self.slack.ephemerals(user), what=f"{user} to be told")
        return dict(shown[0])

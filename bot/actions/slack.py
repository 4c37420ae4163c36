"""The `slack` step's input; see the class below."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from bot.actions.base import ActionInput
from bot.actions.tools import Tools
from bot.catalog.templating import Place


class SlackInput(ActionInput):
    """One message, in the incident's thread or in a channel."""

    message: Annotated[str, Place.MRKDWN, Field(min_length=1, max_length=3000)] = Field(
        description="Slack's mrkdwn; values in it make no mention and no link"
    )
    channel: Annotated[str, Field(pattern=r"^(#[^\s#@,<>]{1,80}|[CG][A-Z0-9]{6,})?$")] = Field(
        default="", description="`#name` or a channel id; the incident's thread when left out"
    )


class SlackAction:
    """Under construction in this commit: only its input is known."""

    type: ClassVar[str] = "slack"
    Input: ClassVar[type[ActionInput]] = SlackInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

"""The `slack` step: one message, in the incident's thread or in a channel, through a port.

It speaks and changes nothing, so there is nothing to undo; what has been said cannot be unsaid.

In its incident's own thread nothing is posted here: the thread follows from the journal, so that the step has been
done is what makes the thread say it, in its place among the other words, once, and later where Slack is away. In any
other channel it is posted through the port; a step that is planned again for the same run posts under the same key,
and whoever stands behind the port posts a key once.
With `require_approval: true` the step is a gate: its message is the question people decide on.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, ClassVar

from pydantic import Field

from bot.actions.base import (
    INCIDENT_THREAD,
    ActionInput,
    InputModel,
    Outcome,
    Plan,
    PlanScope,
    Progress,
    Seen,
    Target,
    Undo,
)
from bot.actions.tools import Tools
from bot.catalog.templating import Place
from bot.errors import ActionRetry, ActionUnknown, BadInput, DeliveryError
from bot.runs.plan import digest_of


class SlackInput(ActionInput):
    """One message, in the incident's thread or in a channel."""

    message: Annotated[str, Place.MRKDWN, Field(min_length=1, max_length=3000)] = Field(
        description="Slack's mrkdwn; values in it make no mention and no link"
    )
    channel: Annotated[str, Field(pattern=r"^(#[^\s#@,<>]{1,80}|[CGD][A-Z0-9]{6,})?$")] = Field(
        default="", description="`#name` or a channel id; the incident's thread when left out"
    )


class SlackAction:
    """Says one thing once."""

    type: ClassVar[str] = "slack"
    Input: ClassVar[InputModel] = SlackInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        """Names the channel and the exact message; posts nothing."""
        channel = given.channel or scope.channel or scope.catalog.default_channel
        if not channel:
            raise BadInput(
                "this message has no channel: the run has no thread and the catalog no default channel",
                hint="name a channel in the step, or set default_channel in catalog.yaml",
            )
        thread_ts = scope.thread_ts if channel == scope.channel else ""
        place = "this thread" if thread_ts else channel
        key = digest_of([scope.key, channel, thread_ts, given.message])
        return Plan(
            type=self.type,
            input={"message": given.message, "channel": given.channel},
            targets=(Target(kind="channel", name=channel),),
            text=f"post a message in {place}",
            will_run=(_readable(given.message),),
            guarded={"channel": channel, "thread_ts": thread_ts, "key": key},
            changes=False,
            undo=Undo(text="a message cannot be unsent"),
            risk=scope.risk or "low",
            timeout_s=scope.timeout_s,
        )

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:  # noqa: ARG002 - nothing to stream or stop
        """Posts it, once per key; in the incident's thread it is said by being done."""
        at = plan.guarded
        if str(at["thread_ts"]).startswith(INCIDENT_THREAD):
            return Outcome(verdict="succeeded", effect="none", summary="said in this thread")
        try:
            async with asyncio.timeout(plan.timeout_s):
                await self._tools.post(at["channel"], at["thread_ts"], str(plan.input["message"]), at["key"])
        except TimeoutError as error:
            raise ActionUnknown(
                f"Slack did not say within {plan.timeout_s:g} s whether the message was posted",
                hint="trying again posts it only if it is not there",
            ) from error
        except DeliveryError as error:
            raise ActionRetry(f"the message was not posted: {error.message}", hint=error.hint) from error
        return Outcome(verdict="succeeded", effect="none", summary=f"posted in {at['channel']}")

    async def dry_run(self, plan: Plan) -> Outcome:
        """Posts nothing."""
        return Outcome(
            verdict="succeeded",
            effect="none",
            summary=f"would post in {plan.guarded['channel']}; nothing was posted",
        )

    async def probe(self, plan: Plan) -> Seen:
        """Posting again is safe, and tells."""
        return Seen(
            text=f"look in {plan.guarded['channel']} for the message; trying again posts it only if it is not there",
            observable=False,
        )


def _readable(mrkdwn: str) -> str:
    """The message as people will read it: Slack's three escapes undone, since it is shown inside a code block."""
    return mrkdwn.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

"""The `diagnose` step: its input, checked; looking into a service comes with the diagnosis room.

It only ever reads, so it is the one type that needs nobody's approval.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from bot.actions.base import ActionInput, InputModel, Outcome, Plan, PlanScope, Progress, Seen
from bot.actions.tools import Tools
from bot.catalog.templating import Place
from bot.errors import ActionFailed, BadInput


class DiagnoseInput(ActionInput):
    """What to look into; the incident's own service and time when nothing is said."""

    service: str = Field(default="", description="A service of catalog.yaml; the run's own when left out")
    question: Annotated[str, Place.PLAIN, Field(max_length=2000)] = Field(
        default="", description="What a person wants to know, in their words"
    )
    since_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] = Field(
        default=60, description="How far back to look"
    )


class DiagnoseAction:
    """Known to lint and review; an attempt to run one is refused before anything is proposed."""

    type: ClassVar[str] = "diagnose"
    Input: ClassVar[InputModel] = DiagnoseInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def plan(self, given: Any, scope: PlanScope) -> Plan:  # noqa: ARG002 - the protocol's signature
        """Refuses with the reason."""
        raise BadInput(
            "diagnose steps can be written and linted, but this version cannot run them yet",
            hint="skip this step and go on with the next",
        )

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:  # noqa: ARG002
        """Fails without having read anything (a plan can only come from a newer version's journal)."""
        raise ActionFailed(_NOT_YET, effect="none")

    async def dry_run(self, plan: Plan) -> Outcome:  # noqa: ARG002
        """Fails without having read anything."""
        raise ActionFailed(_NOT_YET, effect="none")

    async def probe(self, plan: Plan) -> Seen:  # noqa: ARG002
        """Sees nothing."""
        return Seen(text="this version cannot look into a service by itself", observable=False)


_NOT_YET = "this version cannot run diagnose steps yet; nothing was read"

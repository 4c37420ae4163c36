"""How a step is put before people: who is told directly, and what is said to have changed."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.catalog.schema import Step
from bot.engine.making import Made
from bot.engine.proposing import changes_between, proposed
from bot.runs.events import ProposalId, StepKey
from bot.runs.plan import Plan
from bot.runs.policy import Membership, Policy

NOW = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)


class People:
    """A directory with one group and one email."""

    async def membership(self, group: str) -> Membership:
        if group == "S0ONCALL":
            return Membership(group=group, user_ids=frozenset({"U0BOB", "U0ALICE"}), read_at=NOW)
        return Membership(group=group, error="no such group")

    async def user_id_of(self, email: str) -> str:
        return "U0CAROL" if email == "carol@acme.example" else ""


async def told(*direct: str) -> tuple[str, ...]:
    policy = Policy(
        asks=True,
        approvers=direct,
        source="",
        min_approvals=1,
        allow_self_approval=False,
        risk="",
        message="",
        direct_message=direct,
    )
    event = await proposed(
        Made(plan=plan(), policy=policy, environment="prod", is_unattended=False),
        key=StepKey(),
        step=Step(name="a", type="shell"),
        proposal_id=ProposalId("p-1"),
        reason="",
        unattended=False,
        directory=People(),
        now=NOW,
    )
    return event.asked.direct_message


def plan(**guarded: object) -> Plan:
    return Plan(type="shell", input={}, targets=(), text="", guarded=dict(guarded))


async def test_emails_and_user_groups_that_want_direct_messages_become_the_people_behind_them() -> None:
    assert await told("U0DAVE", "carol@acme.example", "S0ONCALL") == ("U0DAVE", "U0CAROL", "U0ALICE", "U0BOB")


async def test_whoever_cannot_be_found_now_is_not_told_directly() -> None:
    assert await told("nobody@acme.example", "S0GONE") == ()


def test_a_change_is_named_down_to_the_value_that_differs() -> None:
    before = plan(where={"web-1": "runbook@10.0.0.1", "web-2": "runbook@10.0.0.2"}, replicas=3)
    after = plan(where={"web-1": "runbook@10.0.0.9", "web-2": "runbook@10.0.0.2"}, replicas=4)
    assert changes_between(before, after) == (
        "replicas: 3 → 4",
        "where web-1: runbook@10.0.0.1 → runbook@10.0.0.9",
    )

"""Who is on call: asked of PagerDuty for every id of the service, good for five minutes, and nobody when in doubt."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from bot.catalog.schema import Catalog, Service
from bot.engine.people import People, ids_behind
from bot.errors import BotError
from bot.runs.policy import MEMBERSHIP_TTL, ON_CALL, Membership
from tests.engine.house import FixedDirectory
from tests.fakes.clock import VirtualClock

CALLED = f"{ON_CALL}/payments"


@dataclass(frozen=True)
class Person:
    email: str


@dataclass
class Pager:
    """Says who is on call per PagerDuty service, or that it cannot be reached."""

    called: dict[str, list[str]] = field(default_factory=dict)
    is_away: bool = False
    asked: list[str] = field(default_factory=list)

    async def on_call(self, service_id: str) -> list[Person]:
        self.asked.append(service_id)
        if self.is_away:
            raise BotError("PagerDuty was not reached", code="pagerduty-unavailable")
        return [Person(email) for email in self.called.get(service_id, [])]


def people(pager: Pager | None, clock: VirtualClock, *ids: str) -> People:
    service = Service(name="payments", pagerduty_ids=ids)  # type: ignore[arg-type]
    emails = {"eve@acme.example": "U0EVE", "bob@acme.example": "U0BOB"}
    return People(
        slack=FixedDirectory(emails=emails),
        on_call=pager,
        catalog=lambda: Catalog(services={"payments": service}),
        clock=clock,
    )


async def test_everybody_on_call_for_any_of_its_ids_is_a_member() -> None:
    clock = VirtualClock()
    pager = Pager({"P1": ["eve@acme.example", ""], "P2": ["bob@acme.example"]})
    read = await people(pager, clock, "P1", "P2").membership(CALLED)
    assert read == Membership(
        group=CALLED, emails=frozenset({"eve@acme.example", "bob@acme.example"}), read_at=clock.now()
    )


async def test_a_reading_is_good_for_five_minutes_and_no_longer() -> None:
    clock, pager = VirtualClock(), Pager({"P1": ["eve@acme.example"]})
    one = people(pager, clock, "P1")
    first = await one.membership(CALLED)
    clock.pass_time(MEMBERSHIP_TTL)
    assert await one.membership(CALLED) == first
    clock.pass_time(timedelta(seconds=1))
    pager.is_away = True
    stale = await one.membership(CALLED)
    assert (stale.read_at, stale.error) == (first.read_at, "PagerDuty was not reached")
    assert pager.asked == ["P1", "P1"]


@pytest.mark.parametrize(
    ("pager", "ids", "group", "why"),
    [
        (None, ("P1",), CALLED, "PAGERDUTY_API_TOKEN is not set"),
        (Pager(), (), CALLED, "service payments has no PagerDuty id in the catalog"),
        (Pager(), ("P1",), f"{ON_CALL}/gone", "no service 'gone' is in the catalog"),
        (Pager(), ("P1",), ON_CALL, "it is about no single service"),
        (Pager(is_away=True), ("P1",), CALLED, "PagerDuty was not reached"),
    ],
)
async def test_where_nobody_can_tell_there_is_nobody_and_the_reason(
    pager: Pager | None, ids: tuple[str, ...], group: str, why: str
) -> None:
    read = await people(pager, VirtualClock(), *ids).membership(group)
    assert read == Membership(group=group, error=why)


async def test_a_user_group_is_slack_s_to_say() -> None:
    read = await people(Pager(), VirtualClock(), "P1").membership("S0LEADS")
    assert read == Membership(group="S0LEADS", error="Slack does not answer")


async def test_ids_are_found_behind_every_kind_of_entry() -> None:
    one = people(Pager({"P1": ["eve@acme.example", "gone@acme.example"]}), VirtualClock(), "P1")
    assert await ids_behind((CALLED, "bob@acme.example", "U0ALICE", "S0LEADS", "U0EVE"), one) == (
        "U0EVE",
        "U0BOB",
        "U0ALICE",
        "S0LEADS",
    )
    assert await ids_behind(("S0LEADS", CALLED), one, opened=True) == ("U0EVE",)

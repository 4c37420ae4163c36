"""Who may decide what, asked beforehand: the same rules as at a click."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.catalog.schema import Catalog, Environment, Rules, Runbook, Service, Step, Trigger
from bot.engine.entitlement import Entitlement, entitled
from bot.errors import BadInput
from bot.runs.events import Actor
from bot.runs.policy import Caller, Membership

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
ANN = Caller(actor=Actor(kind="slack", id="U0ANN", person="ann@acme.example"), email="ann@acme.example")


class People:
    """User groups as a test says."""

    def __init__(self, **groups: Membership) -> None:
        self.groups = groups

    async def membership(self, group: str) -> Membership:
        return self.groups[group]

    async def user_id_of(self, email: str) -> str:
        return "U0ANN" if email == "ann@acme.example" else ""


class Clock:
    def now(self) -> datetime:
        return NOW


def step(name: str, **rules: Any) -> Step:
    return Step(name=name, type="shell", input={"command": "true"}, rules=Rules(**rules))


def catalog(*steps: Step, rules: Rules | None = None, **more: Any) -> Catalog:
    book = Runbook(
        name="heal", steps=steps, rules=rules or Rules(), trigger=Trigger(services=("shop",)), digest="d"
    )
    places = {
        "prod": Environment(name="prod", approvers=("S0LEADS",)),
        "staging": Environment(name="staging", approvers=("ann@acme.example",)),
    }
    services = {"shop": Service(name="shop"), "other": Service(name="other")}
    return Catalog(environments=places, services=services, runbooks={"heal": book}, **more)


def asking(files: Catalog, **groups: Membership) -> Entitlement:
    return Entitlement(directory=People(**groups), catalog=lambda: files, clock=Clock())  # type: ignore[arg-type]  # only asked for the time


def test_each_environment_names_its_own_people_and_steps_with_the_same_rules_stand_together() -> None:
    files = catalog(step("a"), step("b"), step("c", min_approvals=2))
    found = entitled(files, files.runbooks["heal"], files.services["shop"])
    assert [(one.environment, [rule.steps for rule in one.rules]) for one in found] == [
        ("prod", [("a", "b"), ("c",)]),
        ("staging", [("a", "b"), ("c",)]),
    ]
    assert [one.rules[0].approvers for one in found] == [("S0LEADS",), ("ann@acme.example",)]


def test_a_scope_leaves_the_other_environments_out_until_a_promotion_lets_it_in() -> None:
    narrow = Rules(scopes=("staging",))
    before = catalog(step("a"), rules=narrow)
    after = catalog(step("a"), rules=narrow, promotions={"d": ("prod",)})
    places = [
        [one.environment for one in entitled(files, files.runbooks["heal"], None)]
        for files in (before, after)
    ]
    assert places == [["staging"], ["prod", "staging"]]


def test_a_tag_without_a_scope_still_asks() -> None:
    files = catalog(step("a", requires_approval=False), step("b", requires_approval=False, scopes=("prod",)))
    (place,) = entitled(files, files.runbooks["heal"], files.services["shop"])
    assert [(rule.steps, rule.asks) for rule in place.rules] == [(("a",), True), (("b",), False)]


async def test_whoever_asks_is_told_whether_they_may_and_an_unread_group_is_no_answer() -> None:
    files = catalog(step("a"))
    unread = Membership(group="S0LEADS", error="slack did not answer")
    answer = await asking(files, S0LEADS=unread).of_services([files.services["shop"]], ANN)
    assert [(one.environment, one.rules[0].may_decide) for one in answer.entitled] == [
        ("prod", None),
        ("staging", True),
    ]
    assert answer.ids == {"ann@acme.example": "U0ANN"}
    read = Membership(group="S0LEADS", user_ids=frozenset({"U0BEN"}), read_at=NOW)
    answer = await asking(files, S0LEADS=read).of_runbook(files.runbooks["heal"], ANN)
    assert [one.rules[0].may_decide for one in answer.entitled] == [False, True]


async def test_a_runbook_of_one_service_is_not_told_for_another() -> None:
    files = catalog(step("a"))
    assert (await asking(files).of_services([files.services["other"]], ANN)).entitled == ()


def test_a_mistyped_service_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadInput) as refusal:
        asking(catalog(step("a"))).service_named("shpo")
    assert refusal.value.hint == "did you mean 'shop'?"

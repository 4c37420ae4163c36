"""Which runbooks a model may recommend: those that the rules would propose for the service, there, as they are."""

from __future__ import annotations

import pytest

from bot.catalog.schema import EnvironmentName, Param, Rules, Runbook, Step, Trigger
from bot.intake.offering import offers
from tests.intake import given
from tests.intake.given import catalog

PAYMENTS = Trigger(services=("payment-api",))


def runbook(name: str, *, trigger: Trigger) -> Runbook:
    """A runbook that does something."""
    step = Step(name="one", type="shell", input={"command": "systemctl restart x"})
    return given.runbook(name, trigger=trigger, step=step)


def offered(*books: Runbook, service: str = "payment-api", environment: str = "prod") -> list[str]:
    return [one.runbook for one in offers(catalog(*books), service, environment)]


def test_those_of_the_service_and_those_of_any_are_offered_with_their_first_step() -> None:
    mine = runbook("restart", trigger=PAYMENTS)
    anyones = runbook("clear-cache", trigger=Trigger(symptoms=("stale",)))
    found = offers(catalog(mine, anyones), "payment-api", "prod")
    assert [one.runbook for one in found] == ["clear-cache", "restart"]
    assert found[1].step == mine.steps[0].name


def test_a_service_by_its_other_name_is_the_same_service() -> None:
    assert offered(runbook("restart", trigger=Trigger(services=("PAY1234",)))) == ["restart"]


@pytest.mark.parametrize("service", ["checkout", ""])
def test_those_of_another_service_are_not_offered(service: str) -> None:
    assert offered(runbook("restart", trigger=PAYMENTS), service=service) == []


def test_one_that_no_page_would_bring_is_not_offered() -> None:
    assert offered(runbook("by-hand-only", trigger=Trigger())) == []


def test_one_that_may_not_run_there_is_not_offered() -> None:
    staging = Rules(scopes=(EnvironmentName("staging"),))
    book = runbook("restart", trigger=PAYMENTS).model_copy(update={"rules": staging})
    assert offered(book) == []
    assert offered(book, environment="staging") == ["restart"]


def test_one_that_only_reads_or_speaks_is_not_offered() -> None:
    steps = (Step(name="look", type="diagnose"), Step(name="say", type="slack"))
    assert offered(runbook("look", trigger=PAYMENTS).model_copy(update={"steps": steps})) == []


def test_one_that_wants_a_value_first_is_not_offered() -> None:
    book = runbook("scale", trigger=PAYMENTS).model_copy(
        update={"params": (Param(name="replicas", type="int"),)}
    )
    assert offered(book) == []

"""Which runbooks are suggested, in which order, with which words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.catalog.schema import ActionId, EnvironmentName, Rules, Runbook, Step, Trigger
from bot.intake import symptoms
from bot.intake.history import last_times
from bot.intake.incident import Candidate
from bot.intake.matching import all_runbooks, matches, next_steps
from bot.journal.base import IncidentRow, RunRow
from bot.runs.events import IncidentId, RunId
from tests.intake.given import NOW, catalog, facts, runbook


def names(*books: Runbook, **known: Any) -> list[str]:
    return [one.runbook for one in next_steps(catalog(*books), facts=facts(**known))]


def reason(book: Runbook, **known: Any) -> str:
    found = matches(catalog(book), facts=facts(**known))
    assert not found.candidates
    (excluded,) = found.excluded
    return excluded.reason


SCALE = runbook(
    "scale-out",
    trigger=Trigger(services=("PAY1234",), metric_name="cpu", condition="anomaly_score > 0.7"),
)
RESTART = runbook("restart", trigger=Trigger(services=("payment-api",)))
CACHE = runbook("clear-cache", trigger=Trigger(symptoms=("elevated", "5xx", "stale cache")))


def test_service_metric_and_condition_are_told_in_words() -> None:
    (found,) = next_steps(
        catalog(SCALE), facts=facts(service="payment-api", metric_name="cpu", anomaly_score=0.93)
    )
    assert found == Candidate(
        runbook="scale-out",
        why=("service is payment-api", "metric is cpu", "condition `anomaly_score > 0.7` holds: 0.93"),
    )


def test_symptom_words_are_told_as_the_runbook_writes_them() -> None:
    (found,) = next_steps(catalog(CACHE), facts=facts())
    assert found.why == ("symptom words matched: elevated, 5xx",)


def test_a_condition_without_its_value_ranks_below_and_says_so() -> None:
    found = next_steps(catalog(SCALE, RESTART, CACHE), facts=facts(service="payment-api"))
    assert [one.runbook for one in found] == ["restart", "clear-cache", "scale-out"]
    assert not found[-1].evaluable
    assert found[-1].why == (
        "service is payment-api",
        "metric cpu not compared: the incident names no metric",
        "condition `anomaly_score > 0.7` not evaluable: anomaly_score is not known",
    )


def test_a_condition_alone_that_cannot_be_evaluated_suggests_nothing() -> None:
    book = runbook("any", trigger=Trigger(condition="anomaly_score > 0.7"))
    assert reason(book) == "condition `anomaly_score > 0.7` not evaluable: anomaly_score is not known"
    assert names(book, anomaly_score=1) == ["any"]


@pytest.mark.parametrize(
    ("book", "known", "said"),
    [
        (
            SCALE,
            {"service": "payment-api", "metric_name": "cpu", "anomaly_score": 0.2},
            "condition `anomaly_score > 0.7` does not hold: 0.2",
        ),
        (
            SCALE,
            {"service": "payment-api", "metric_name": "memory"},
            "it is for the metric cpu, not for memory",
        ),
        (RESTART, {"service": "checkout"}, "it is for payment-api, not for checkout"),
        (RESTART, {"service_text": "mystery"}, "it is for payment-api, and 'mystery' is not in the catalog"),
        (
            RESTART,
            {},
            "it is for payment-api, and the service of this incident is not in the catalog",
        ),
        (
            CACHE,
            {"title": "disk full"},
            "none of its symptom words is in the title: elevated, 5xx, stale cache",
        ),
        (runbook("by-hand", trigger=Trigger()), {}, "its trigger names nothing to match"),
    ],
)
def test_whatever_does_not_fit_is_left_out_with_its_reason(
    book: Runbook, known: dict[str, Any], said: str
) -> None:
    assert reason(book, **known) == said


def action_step(scopes: tuple[str, ...] | None, **more: Any) -> Step:
    allowed = None if scopes is None else tuple(EnvironmentName(one) for one in scopes)
    return Step(
        name="flush",
        type="shell",
        action=ActionId("flush"),
        digest="d1",
        action_rules=Rules(scopes=allowed),
        **more,
    )


def test_a_step_that_may_never_run_there_leaves_the_runbook_out() -> None:
    book = runbook("flush", trigger=Trigger(symptoms=("5xx",)), step=action_step(("staging",)))
    assert reason(book, environment="prod-eu") == "action flush may run in staging, not in prod-eu"
    assert names(book, environment="staging") == ["flush"]
    assert names(book) == ["flush"]
    promoted = catalog(book).model_copy(update={"promotions": {"d1": (EnvironmentName("prod-eu"),)}})
    assert next_steps(promoted, facts=facts(environment="prod-eu"))


def test_the_scopes_of_a_runbook_bind_its_inline_steps() -> None:
    inline = Step(name="run", type="shell", input={"command": "true", "host": "web-1"})
    book = runbook(
        "inline",
        trigger=Trigger(symptoms=("5xx",)),
        step=inline,
        rules=Rules(scopes=(EnvironmentName("staging"),)),
    )
    assert reason(book, environment="prod-eu") == "it may run in staging, not in prod-eu"


def test_a_host_of_another_environment_leaves_the_runbook_out() -> None:
    step = action_step(None, input={"command": "true", "host": "web-9"})
    book = runbook("flush", trigger=Trigger(symptoms=("5xx",)), step=step)
    assert (
        reason(book, environment="prod-eu") == "step flush touches staging, and this incident is in prod-eu"
    )
    templated = action_step(None, input={"command": "true", "host": "{{ params.host }}"})
    assert names(
        runbook("any", trigger=Trigger(symptoms=("5xx",)), step=templated), environment="prod-eu"
    ) == ["any"]


def test_a_service_weighs_more_than_words_and_equals_are_ordered_by_name() -> None:
    books = [
        runbook("z-words", trigger=Trigger(symptoms=("elevated 5xx",))),
        runbook("a-words", trigger=Trigger(symptoms=("elevated", "5xx"))),
        runbook("b-words", trigger=Trigger(symptoms=("5xx",))),
        runbook("c-condition", trigger=Trigger(condition="anomaly_score > 0.7")),
        RESTART,
    ]
    expected = ["restart", "c-condition", "a-words", "z-words", "b-words"]
    for order in (books, books[::-1]):
        assert names(*order, service="payment-api", anomaly_score=0.9) == expected


def test_the_menu_lists_everything_with_what_fits_first() -> None:
    everything = catalog(SCALE, RESTART, CACHE)
    fitting = next_steps(everything, facts=facts(service="payment-api"))
    assert all_runbooks(everything, first=fitting) == ("restart", "clear-cache", "scale-out")
    assert all_runbooks(everything) == ("clear-cache", "restart", "scale-out")
    assert all_runbooks(everything, first=[Candidate(runbook="gone", why=())]) == (
        "clear-cache",
        "restart",
        "scale-out",
    )


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("timeout", "many timeouts"),
        ("timeouts", "connection time-out to db"),
        ("time out", "TIMEOUT"),
        ("out of memory", "Out-of-Memory killer"),
        ("out-of-memory", "process out of memory"),
        ("latency", "p99 latencies up"),
        ("cache", "stale caches"),
        ("crash", "pod crashes"),
        ("elevated 5xx", "5xx rate is elevated"),
        ("5xx", "elevated-5xx_errors"),
        ("überlast", "ÜBERLAST erkannt"),
        ("redis", "Redis down"),
    ],
)
def test_words_match_across_plurals_hyphens_and_case(phrase: str, text: str) -> None:
    assert symptoms.find([phrase], text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("disk", "diskless boot"),
        ("cpu", "cpuset moved"),
        ("out of memory", "memory out there of course not"[:10]),
        ("", "anything"),
        ("---", "anything"),
        ("note", "not here"),
    ],
)
def test_words_do_not_match_inside_other_words(phrase: str, text: str) -> None:
    assert not symptoms.find([phrase], text)


def test_adjacent_words_weigh_more_than_scattered_ones() -> None:
    (adjacent,) = symptoms.find(["elevated 5xx"], "elevated 5xx")
    (scattered,) = symptoms.find(["elevated 5xx"], "5xx elevated")
    assert adjacent.weight > scattered.weight


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(st.text(max_size=30), min_size=4, max_size=4),
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_facts_can_be_matched_and_every_runbook_is_accounted_for(
    texts: list[str], score: float | None
) -> None:
    known = facts(
        title=texts[0], symptom=texts[1], service=texts[2], metric_name=texts[3], anomaly_score=score
    )
    found = matches(catalog(SCALE, RESTART, CACHE), facts=known)
    assert len(found.candidates) + len(found.excluded) == 3
    assert all(one.why for one in found.candidates)
    assert all(one.reason for one in found.excluded)


def run(number: int, **more: Any) -> RunRow:
    given: dict[str, Any] = {
        "run_id": RunId(f"r{number}"),
        "incident_id": IncidentId(f"i{number}"),
        "runbook": "restart",
        "version": "v",
        "service": "payment-api",
        "tenant": "t",
        "environment": "prod-eu",
        "status": "succeeded",
        "is_open": False,
        "opened_at": NOW,
        "updated_at": NOW,
        "finished_at": NOW - timedelta(days=number),
    }
    return RunRow(**{**given, **more})


def test_last_time_tells_of_the_same_symptom_first_then_of_the_newest() -> None:
    rows = [
        run(1, symptom="disk full"),
        run(2, symptom="elevated 5xx", status="failed", decided_by="Ann"),
        run(3, symptom="Elevated-5xx"),
        run(4, symptom="5xx"),
        run(5, symptom="elevated 5xx", is_open=True),
        run(6, symptom="elevated 5xx", dry_run=True),
        run(7, symptom="elevated 5xx", service="checkout"),
    ]
    row = IncidentRow(
        incident_id=IncidentId("i2"),
        service="payment-api",
        environment="",
        title="",
        symptom="",
        status="resolved",
        is_open=False,
        opened_at=NOW,
        updated_at=NOW,
        permalink="https://slack.example/p1",
    )
    told = last_times(
        rows,
        facts=facts(service="payment-api", symptom="elevated 5xx"),
        incidents={IncidentId("i2"): row},
        limit=4,
    )
    assert [one.run_id for one in told] == ["r2", "r3", "r4", "r1"]
    assert (told[0].permalink, told[0].status, told[0].decided_by) == (
        "https://slack.example/p1",
        "failed",
        "Ann",
    )
    assert last_times(rows, facts=facts()) == ()

"""Answers to commands: whole within Slack's 4,000 characters whatever there is, and nothing in them rings or links."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.catalog.schema import Catalog, Param, Rollback, Rules, Runbook, RunbookName, Service, Step, Trigger
from bot.engine.advising import Advice, _service_in
from bot.engine.entitlement import Answer, Entitled, Rule
from bot.engine.simulation.story import Scene, Simulation
from bot.intake.incident import Candidate, NothingSuggested
from bot.intake.matching import Excluded
from bot.journal.base import RunRow
from bot.runs.events import IncidentId, RunId
from bot.runs.policy import Membership
from bot.runs.statistics import ActionNumbers, Statistics
from bot.sandbox import limits
from bot.slack import ids, text
from bot.slack.mentions import words_of
from bot.slack.views import answers
from bot.slack.views.advice import advice
from bot.slack.views.entitled import who_answer
from bot.slack.views.foretold import foretold
from bot.slack.views.numbers import numbers_answer
from bot.slack.views.showing import show_answer
from tests.slack.stage import START, Stage, shell_plan
from tests.slack.test_views_limits import BOUNDED
from tests.slack.words import stored
from tests.slack.words import words as any_words

MOST = 4000
NASTY = stored(longest=3000).map(lambda one: one or "x")
SAID = any_words(longest=3000)
FEW = st.lists(NASTY, min_size=1, max_size=6)
_OURS = re.compile(
    r"<!date\^\d+\^[^>|]*\|[^>]*>|<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>|<#C[A-Z0-9]+>|<https://acme\.[^>|]*\|[^>]*>"
)


def holds(answer: str) -> None:
    """Short enough, not empty, and every angle bracket in it is one of ours."""
    assert 0 < text.size(answer) <= MOST
    left = _OURS.sub("", answer)
    assert "<" not in left
    assert ">" not in left


def row(word: str) -> RunRow:
    return RunRow(
        run_id=RunId("r-1"),
        incident_id=IncidentId("i-1"),
        runbook=word,
        version="v",
        service=word,
        tenant="",
        environment=word,
        status="succeeded",
        is_open=False,
        opened_at=START,
        updated_at=START,
        finished_at=START + timedelta(seconds=4),
        decided_by=word,
    )


def book(words: list[str]) -> Runbook:
    steps = tuple(
        Step(name=one, type="shell", input={"command": one}, rollback=Rollback(manual=one)) for one in words
    )
    params = tuple(
        Param(name=one, description=one, pattern=one, default=one if count % 2 else None)
        for count, one in enumerate(words)
    )
    return Runbook(
        name=RunbookName(words[0]),
        description=words[0],
        steps=steps,
        on_reject=steps,
        params=params,
        trigger=Trigger(services=(), symptoms=tuple(words), condition=words[0]),
        rules=Rules(),
    )


def entitled(words: list[str], many: int) -> Answer:
    rules = tuple(
        Rule(steps=(one, one), asks=bool(count % 3), approvers=(one, "S0ONCALL"), may_decide=True)
        for count, one in enumerate(words)
    )
    found = [
        Entitled(runbook=one, service=one, environment=one, rules=rules, starters=tuple(words))
        for one in words
    ]
    people = frozenset(f"U{number:04d}" for number in range(99))
    groups = {
        "S0ONCALL": Membership(group="S0ONCALL", user_ids=people, read_at=START),
        "S0GONE": Membership(group="S0GONE", error=words[0]),
    }
    return Answer(entitled=tuple(found * many), ids={words[0]: "U0ANN"}, groups=groups)


@BOUNDED
@given(words=FEW, many=st.integers(1, 40))
def test_answers_that_list_things(words: list[str], many: int) -> None:
    rows = [row(one) for one in words] * many
    links = {IncidentId("i-1"): "https://acme.slack.com/archives/C0INC/p1"}
    holds(answers.status_answer(rows, links))
    holds(answers.history_answer(rows, {}, service=words[0], is_all=False))
    holds(answers.list_answer([book(words)] * many))


@BOUNDED
@given(words=FEW, many=st.integers(1, 40))
def test_answers_about_people_and_runbooks(words: list[str], many: int) -> None:
    answer = entitled(words, many)
    holds(who_answer(answer, here="for the services of <#C0INC>"))
    holds(show_answer(book(words * 5), answer, [row(one) for one in words], {}))


@BOUNDED
@given(words=FEW, many=st.integers(1, 30))
def test_answers_in_numbers(words: list[str], many: int) -> None:
    numbers = [
        ActionNumbers(action=one, steps=20, unchanged=20, median_decide_s=4.0, p90_decide_s=9.0)
        for one in words
    ]
    holds(numbers_answer(Statistics(actions=tuple(numbers * many)), service=words[0]))


@BOUNDED
@given(words=FEW)
def test_answers_about_what_would_be(words: list[str]) -> None:
    stage = Stage(plan=shell_plan(words[0])).opened().suggested().thread_opened().taken().approved().started()
    stage.finished().ended("succeeded", reason=words[0])
    candidates = tuple(Candidate(runbook=one, why=(one,)) for one in words)
    played = Simulation(
        incident=stage.incident,
        runs=(stage.run,),
        scenes=(Scene(at=START, incident=stage.incident, runs=()),),
        candidates=candidates,
        excluded=tuple(Excluded(runbook=one, reason=one) for one in words * 9),
    )
    holds(foretold(played, service=words[0], symptom=words[-1]))
    holds(foretold(replace(played, runs=()), service=words[0], symptom=words[-1]))
    suggested = stage.incident.suggestions[0].made
    nothing = NothingSuggested(at=START, reason=words[0], others=candidates)
    for found in (suggested, nothing):
        for going_on in ("", words[0]):
            view = advice(
                Advice(words=words[0][:300], service=words[-1][:60], found=found, going_on=going_on)
            )
            limits.check_blocks(view.blocks)
            holds(view.text)


@given(SAID)
def test_what_is_said_to_the_bot_is_read_without_breaking(said: str) -> None:
    words = words_of(f"<@U0RUNBOT> {said}")
    catalog = Catalog(services={"checkout": Service(name="checkout", aliases=("Pay",))})  # type: ignore[dict-item, arg-type]  # names
    service, rest = _service_in(catalog, f"{words} PAY: {words}")
    assert service is not None
    assert rest.count("PAY:") <= words.upper().count("PAY:") * 2
    value = ids.propose_value(ids.ProposeRef(runbook="x", service="checkout", words=words[:300]))
    assert words.startswith(ids.parse_propose(value).words)


def test_slacks_own_markup_in_a_question_is_read_as_what_people_see() -> None:
    said = "<@U0RUNBOT|runbook> is <https://x.example/a|checkout> &gt; 2s, <!here>? <#C0INC|incidents>"
    assert words_of(said) == "is checkout > 2s, !here? incidents"

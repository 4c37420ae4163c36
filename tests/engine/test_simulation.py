"""A page played through: what is suggested, decided, run and undone, by the real rules and without a world."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.actions.registry import input_models
from bot.catalog.loader import load
from bot.catalog.schema import Catalog
from bot.engine.simulation.fixture import Fixture, read_fixture
from bot.engine.simulation.story import Simulation, simulate
from bot.errors import BadInput, CatalogError
from bot.runs.events import StepStarted, UndoBlocked, UndoFinished, UndoStarted
from bot.sandbox.demo.folder import PACKAGED

NOW = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)

CATALOG = """
environments: { staging: { approvers: [U0ALICE, S0LEADS, bob@acme.example] } }
hosts: { cache-1: staging }
clusters: { main: { namespaces: { shop: staging } } }
services: { shop: { team: web, channel: "#shop", host: cache-1, environment: staging, aliases: [PSHOP1] } }
metrics: { misses: { query: "sum(rate(misses{service={{ service }}}[1m]))", better: lower } }
"""
CHANGING = """
name: {name}
trigger: {{ service_id: shop, symptoms: [{symptom}] }}
rollback_on_failure: true
safety: {{ scopes: [staging] }}
steps:
  - {{ name: one, type: shell, command: "do one", rollback: "undo one" }}
  - {{ name: look, type: shell, command: "look", read_only: true, require_approval: false }}
  - {{ name: two, type: shell, command: "do two {{{{ steps.look.output }}}}", rollback: "undo two" }}
  - {{ name: three, type: shell, command: "do three", rollback: "undo three" }}
"""


def made(folder: Path, *runbooks: str, settings: str = CATALOG) -> Catalog:
    """A catalog of these files, as it would be loaded."""
    (folder / "catalog.yaml").write_text(settings)
    for number, text in enumerate(runbooks):
        (folder / f"book-{number}.yaml").write_text(text)
    return load(folder, input_models())


def changing(name: str = "three-steps", symptom: str = "shop is slow") -> str:
    return CHANGING.format(name=name, symptom=symptom)


def started(played: Simulation) -> list[str]:
    (run,) = played.runs
    return [run.steps[one.step].step.name for one in run.events if isinstance(one, StepStarted)]


def undone(played: Simulation) -> list[str]:
    (run,) = played.runs
    return [run.steps[one.step].step.name for one in run.events if isinstance(one, UndoFinished)]


async def test_every_step_is_assumed_to_succeed_where_nothing_is_known(tmp_path: Path) -> None:
    played = await simulate(made(tmp_path, changing()), "shop", "shop is slow", now=NOW)
    assert played.runs[0].status == "succeeded"
    assert started(played) == ["one", "look", "two", "three"]
    assert [one.by for one in played.scenes if one.by] == ["an approver"] * 3  # looking asks nobody


async def test_a_step_that_fails_is_undone_with_all_before_it_in_reverse(tmp_path: Path) -> None:
    played = await simulate(made(tmp_path, changing()), "shop", "shop is slow", fail_at="three", now=NOW)
    assert played.runs[0].status == "rolled_back"
    assert undone(played) == ["three", "two", "one"]


async def test_the_output_of_a_step_stands_where_a_later_one_quotes_it(tmp_path: Path) -> None:
    known = Fixture.model_validate({"steps": {"look": {"output": "7 keys"}}})
    catalog = made(tmp_path, changing())
    played = await simulate(catalog, "shop", "shop is slow", fixture=known, now=NOW)
    lines = [one.plan.will_run for one in played.runs[0].events if isinstance(one, StepStarted)]
    assert ("cache-1: do two '7 keys'",) in lines
    unknown = await simulate(catalog, "shop", "shop is slow", now=NOW)
    lines = [one.plan.will_run for one in unknown.runs[0].events if isinstance(one, StepStarted)]
    assert ("cache-1: do two '(output of look: not known in a simulation)'",) in lines


async def test_the_first_of_several_is_played_and_the_others_are_told_with_why(tmp_path: Path) -> None:
    catalog = made(tmp_path, changing("a"), changing("b"), changing("c", "shop is down"))
    played = await simulate(catalog, "PSHOP1", "shop is slow", now=NOW)
    assert played.played == "a"
    assert [(one.runbook, one.why[-1]) for one in played.candidates] == [
        ("a", "symptom words matched: shop is slow"),
        ("b", "symptom words matched: shop is slow"),
    ]
    assert [one.runbook for one in played.excluded] == ["c"]


async def test_no_match_ends_before_anything_runs(tmp_path: Path) -> None:
    played = await simulate(made(tmp_path, changing()), "shop", "coffee is cold", now=NOW)
    assert (played.runs, played.candidates, played.played) == ((), (), "")
    assert played.incident.nothing is not None


async def test_a_quorum_is_made_of_different_people(tmp_path: Path) -> None:
    rules = "scopes: [staging], min_approvals: 2, approvers: [S0LEADS]"
    catalog = made(tmp_path, changing().replace("scopes: [staging]", rules))
    played = await simulate(catalog, "shop", "shop is slow", now=NOW)
    assert [one.by for one in played.scenes if one.by][:2] == ["an approver", "a second approver"]
    assert played.runs[0].status == "succeeded"


async def test_where_too_few_are_named_nobody_approves_and_the_time_runs_out(tmp_path: Path) -> None:
    catalog = made(tmp_path, changing())
    places = {
        name: one.model_copy(update={"approvers": ("U0ALICE",)}) for name, one in catalog.environments.items()
    }
    books = {
        name: one.model_copy(update={"rules": one.rules.model_copy(update={"min_approvals": 2})})
        for name, one in catalog.runbooks.items()
    }
    lonely = catalog.model_copy(update={"environments": places, "runbooks": books})
    played = await simulate(lonely, "shop", "shop is slow", now=NOW)
    assert [one.by for one in played.scenes if one.by] == ["an approver"]
    assert played.runs[0].status == "expired"


async def test_whoever_is_on_call_approves_where_the_catalog_says_so(tmp_path: Path) -> None:
    rules = "scopes: [staging], approvers: ['pagerduty:oncall']"
    settings = CATALOG.replace("aliases: [PSHOP1]", "pagerduty_id: PSHOP1")
    catalog = made(tmp_path, changing().replace("scopes: [staging]", rules), settings=settings)
    played = await simulate(catalog, "shop", "shop is slow", now=NOW)
    assert played.runs[0].status == "succeeded"
    proposal = next(iter(played.runs[0].steps.values())).proposal
    assert proposal is not None
    assert proposal.approvals[0].permission.via == "pagerduty:oncall/shop"


async def test_where_nobody_can_be_found_the_suggestion_is_withdrawn_as_it_would_be(tmp_path: Path) -> None:
    catalog = made(tmp_path, changing())
    books = {
        name: one.model_copy(
            update={"rules": one.rules.model_copy(update={"approvers": ("pagerduty:oncall",)})}
        )
        for name, one in catalog.runbooks.items()
    }
    played = await simulate(catalog.model_copy(update={"runbooks": books}), "shop", "shop is slow", now=NOW)
    assert played.runs == ()
    assert played.incident.suggestions[0].withdrawn is not None


async def test_an_unknown_outcome_is_settled_as_the_fixture_says(tmp_path: Path) -> None:
    catalog = made(tmp_path, changing())
    ends = {}
    for choice in ("done", "again", "undo", "stop"):
        known = Fixture.model_validate({"steps": {"two": {"verdict": "unknown", "settle": choice}}})
        played = await simulate(catalog, "shop", "shop is slow", fixture=known, now=NOW)
        ends[choice] = (played.runs[0].status, started(played).count("two"))
    assert ends == {
        "done": ("succeeded", 1),
        "again": ("succeeded", 2),
        "undo": ("rolled_back", 1),
        "stop": ("failed", 1),
    }


async def test_an_undo_that_fails_leaves_the_steps_before_it_as_they_are(tmp_path: Path) -> None:
    known = Fixture.model_validate({"steps": {"two": {"undo": {"verdict": "failed", "summary": "no key"}}}})
    played = await simulate(
        made(tmp_path, changing()), "shop", "shop is slow", fail_at="three", fixture=known, now=NOW
    )
    assert played.runs[0].status == "rollback_incomplete"
    assert undone(played) == ["three", "two"]


@pytest.mark.parametrize(
    ("values", "verdict", "status"),
    [
        ({"before": 300, "after": 100}, "better", "succeeded"),
        ({"before": 300, "after": 900}, "worse", "rolled_back"),
        (None, "inconclusive", "succeeded"),
    ],
)
async def test_a_check_is_judged_by_the_values_of_the_fixture(
    tmp_path: Path, values: dict[str, float] | None, verdict: str, status: str
) -> None:
    check = "rollback_metric_check: { metric_name: misses, check_after_minutes: 10 }\n"
    known = Fixture.model_validate({"metrics": {"misses": values} if values else {}})
    played = await simulate(
        made(tmp_path, changing() + check), "shop", "shop is slow", fixture=known, now=NOW
    )
    (run,) = played.runs
    assert run.checks[None].judged.verdict == verdict
    assert run.status == status
    assert run.events[-1].at - run.events[0].at > (NOW.replace(minute=10) - NOW)


SCALE = """
name: scale
trigger: { service_id: shop, symptoms: [busy] }
rollback_on_failure: true
safety: { scopes: [staging] }
steps:
  - { name: more, type: kubernetes, action: scale, namespace: shop, deployment: web, replicas: 5 }
  - { name: roll, type: kubernetes, action: rollout-undo, namespace: shop, deployment: web }
  - { name: close, type: kubernetes, action: cordon, node: n1 }
  - { name: verify, type: shell, command: "true", read_only: true, require_approval: false }
"""


async def test_the_state_of_a_workload_is_the_fixtures_and_moves_with_what_is_done_to_it(
    tmp_path: Path,
) -> None:
    state = {"before": {"replicas": 3, "ready": "1 of 3"}, "after": {"replicas": 5, "ready": "5 of 5"}}
    known = Fixture.model_validate({"targets": {"deployment shop/web": state, "deployment shop/wbe": state}})
    played = await simulate(made(tmp_path, SCALE), "shop", "busy", fixture=known, fail_at="verify", now=NOW)
    (run,) = played.runs
    plans = {run.steps[one.step].step.name: one.plan for one in run.events if isinstance(one, StepStarted)}
    assert plans["more"].shown == {"replicas": "3 → 5", "ready": "1 of 3 → 5 of 5"}
    assert plans["roll"].shown == {"replicas": "5", "ready": "5 of 5"}
    undos = [one.plan.will_run[0] for one in run.events if isinstance(one, UndoStarted)]
    assert undos == [
        "kubectl --context main uncordon n1",
        "kubectl --context main -n shop rollout undo deployment/web --to-revision=<the current one>",
        "kubectl --context main -n shop scale deployment/web --replicas=3",
    ]
    assert run.status == "rolled_back"
    assert played.unused == ("targets: deployment shop/wbe",)


async def test_state_that_nobody_knows_is_said_to_be_not_known_and_can_be_undone_all_the_same(
    tmp_path: Path,
) -> None:
    played = await simulate(made(tmp_path, SCALE), "shop", "busy", fail_at="verify", now=NOW)
    (run,) = played.runs
    first = next(one.plan for one in run.events if isinstance(one, StepStarted))
    assert first.shown == {"state": "not known in a simulation"}
    assert first.undo.text == "scale deployment shop/web back to the count before"
    assert run.status == "rolled_back"
    assert not [one for one in run.events if isinstance(one, UndoBlocked)]


async def test_what_does_not_exist_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    catalog = made(tmp_path, changing())
    for given, words, hint in (
        ({"service": "shpo"}, "no service 'shpo'", "'shop'"),
        ({"environment": "stagin"}, "no environment 'stagin'", "'staging'"),
        ({"fail_at": "thre"}, "no step 'thre'", "'three'"),
        ({"symptom": "  "}, "nothing is said", "symptom"),
    ):
        said = {"service": "shop", "symptom": "shop is slow", **given}
        with pytest.raises(BadInput, match=words) as refusal:
            await simulate(catalog, now=NOW, **said)  # type: ignore[arg-type]  # one of them at a time
        assert hint in refusal.value.hint


async def test_every_runbook_of_the_demo_can_be_played(tmp_path: Path) -> None:
    catalog = load(PACKAGED, input_models())
    for name, runbook in catalog.runbooks.items():
        service, symptom = runbook.trigger.services[0], runbook.trigger.symptoms[0]
        known = Fixture.model_validate({"incident": {"metric_name": "cpu_usage", "anomaly_score": 0.9}})
        played = await simulate(catalog, service, symptom, fixture=known, now=NOW)
        assert name in [one.runbook for one in played.candidates]
        assert played.runs[0].status == "succeeded"


def test_a_mistake_in_a_fixture_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "known.yaml"
    file.write_text("steps:\n  look:\n    verdikt: failed\n  two: { verdict: maybe }\n")
    with pytest.raises(CatalogError) as refusal:
        read_fixture(file)
    told = [(one.line, one.column) for one in refusal.value.problems]
    assert told == [(3, 5), (4, 19)], refusal.value.problems
    assert "the fixture has 2 problems" in refusal.value.message

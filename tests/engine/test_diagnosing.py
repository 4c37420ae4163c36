"""Diagnoses of incidents: asked for once, made once whatever is killed, judged once, and proposed by the rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.catalog.schema import Catalog, Service, Workload
from bot.engine.looking import FRESH, is_wanted
from bot.errors import AlreadyDecided, BadInput, NotFound, NotPermitted
from bot.intake.diagnosed import DiagnosisAsked, DiagnosisId, DiagnosisJudged, DiagnosisMade
from bot.intake.incident import Incident, RunbookSuggested
from tests.actions.kubernetes_ground import Ground, ground
from tests.engine.house import ALICE, BOB, EVE, House, catalog, dial_step, no_clusters, runbook
from tests.engine.killing import Cut
from tests.fakes.dials import World


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(tmp_path) as made:
        yield made


def files(there: Ground, policy: str = "auto", **service: Any) -> Catalog:
    """Payments is a workload of the stand-in cluster; one runbook fits what a full quota is called."""
    made = catalog(
        runbook("heal", dial_step("heal"), trigger=_when("quota")),
        runbook("reset", dial_step("reset"), trigger=_when("dial stuck")),
        clusters=there.bench.catalog.clusters,
    )
    workload = Workload(namespace="payments", kind="deployment", name="api")
    given = {"workload": workload, "diagnose": policy, **service}
    known: Service = made.services["payments"].model_copy(update=given)  # type: ignore[index]
    return made.model_copy(update={"services": {"payments": known}})


def _when(symptom: str) -> Any:
    return runbook("x").trigger.model_copy(update={"symptoms": (symptom,)})


async def house_of(tmp_path: Path, there: Ground, policy: str = "auto", **more: Any) -> House:
    service = more.pop("service", {})
    return await House.open(
        tmp_path / "journal.db", files(there, policy, **service), clusters=lambda: there.clusters, **more
    )


def made_of(incident: Incident) -> list[DiagnosisMade]:
    return [one for one in incident.events if isinstance(one, DiagnosisMade)]


async def full(there: Ground) -> None:
    """The namespace has no room for what the deployment wants."""
    there.cluster.quota("payments", "team", hard={"pods": "8"})
    there.cluster.deployment("payments", "api", replicas=6, image="shop:2")
    await there.cluster.settled()


async def diagnosed(house: House) -> Incident:
    incident = await house.page()
    return await house.until_incident(incident.incident_id, lambda one: bool(made_of(one)))


async def test_an_incident_is_looked_into_by_itself_beside_its_suggestion(
    tmp_path: Path, there: Ground
) -> None:
    await full(there)
    there.cluster.requests.clear()
    house = await house_of(tmp_path, there)
    incident = await diagnosed(house)
    [made] = made_of(incident)
    assert (made.finding, made.subject) == ("quota-exceeded", "deployment payments/api")
    assert [(one.runbook, one.step) for one in made.steps] == [("heal", "heal")]
    assert incident.open_suggestion is not None
    assert made.report is not None
    assert await house.journal.artifact(made.report.digest) is not None
    assert made.evidence is not None
    evidence = await house.journal.artifact(made.evidence.digest)
    assert evidence is not None
    known = {one["id"]: one for one in json.loads(evidence.body)["evidence"]["items"]}
    assert known["alert"]["text"].startswith("dial stuck\nservice: payments\n")
    assert {one.verb for one in there.cluster.requests} <= {"get", "list"}
    await house.close()


async def test_a_cluster_that_hangs_holds_up_nothing_else(tmp_path: Path, there: Ground) -> None:
    there.cluster.faults.silence(times=999)
    house = await house_of(tmp_path, there)
    house.worker.looker.budget_s = 3600
    incident = await house.page()
    assert incident.open_suggestion is not None
    await house.operations.approve(house.ref(incident), ALICE)
    await house.finished((await house.the_run()).id)
    incident = await house.ledger.incident(incident.incident_id)
    assert [one.is_open for one in incident.diagnoses] == [True]
    await house.close()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("event", ["DiagnosisAsked", "DiagnosisMade"])
async def test_whatever_is_killed_it_is_made_once(
    tmp_path: Path, there: Ground, when: Any, event: str
) -> None:
    await full(there)
    path, world = tmp_path / "journal.db", World()
    cuts: list[Cut] = []

    def wrap(journal: Any) -> Any:
        cuts.append(Cut(journal, at=1, when=when, counts=lambda words: event in words))
        return cuts[0]

    house = await house_of(tmp_path, there, world=world, wrap=wrap)
    paging = asyncio.create_task(house.page())
    await asyncio.wait_for(cuts[0].dead.wait(), 20)
    await house.worker.stop()
    paging.cancel()
    await asyncio.gather(paging, return_exceptions=True)
    await cuts[0].close()

    house = await House.open(path, files(there), world=world, clusters=lambda: there.clusters)
    incident_id = (await house.journal.incidents())[0].incident_id
    incident = await house.until_incident(incident_id, lambda one: bool(made_of(one) and one.suggestions))
    assert len(made_of(incident)) == 1
    assert len(incident.diagnoses) == 1
    await house.close()


async def test_one_that_was_asked_for_is_made_at_the_next_start_though_the_incident_is_over(
    tmp_path: Path, there: Ground
) -> None:
    there.cluster.faults.silence(times=999)
    house = await house_of(tmp_path, there)
    house.worker.looker.budget_s = 3600
    incident = await house.page()
    await house.until_incident(incident.incident_id, lambda one: bool(one.diagnoses))
    await house.reception.take(house.signal("pagerduty:Q1", "dial stuck", kind="resolved", status="resolved"))
    await house.until_incident(incident.incident_id, lambda one: one.is_resolved)
    await house.close()
    there.cluster.faults.clear()
    house = await house_of(tmp_path, there)
    again = await house.until_incident(incident.incident_id, lambda one: bool(made_of(one)))
    assert again.is_resolved
    assert again.diagnoses[0].made is not None
    await house.close()


async def test_two_who_ask_at_once_get_one_look(tmp_path: Path, there: Ground) -> None:
    house = await house_of(tmp_path, there, "ask")
    incident = await house.page()
    diagnosing = house.operations.diagnosing
    asked = await asyncio.gather(
        *(diagnosing.ask(incident.incident_id, who) for who in (ALICE, BOB)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in asked) == ["AlreadyDecided", "Asked"]
    incident = await house.until_incident(incident.incident_id, lambda one: bool(made_of(one)))
    assert len(incident.diagnoses) == 1
    await house.close()


async def test_it_is_judged_once_by_somebody_who_may(tmp_path: Path, there: Ground) -> None:
    await full(there)
    house = await house_of(tmp_path, there)
    incident = await diagnosed(house)
    judge = house.operations.diagnosing.judge
    what = (incident.incident_id, incident.diagnoses[0].id)
    with pytest.raises(NotPermitted):
        await judge(*what, EVE, verdict="right")
    with pytest.raises(BadInput, match="not said what it really was"):
        await judge(*what, ALICE, verdict="wrong", really="never-heard-of")
    with pytest.raises(BadInput, match="not said what it really was"):
        await judge(*what, ALICE, verdict="wrong", really="other", words="  ")
    with pytest.raises(BadInput, match="that is what it says"):
        await judge(*what, ALICE, verdict="wrong", really="quota-exceeded")
    clicks = await asyncio.gather(
        judge(*what, ALICE, verdict="right"),
        judge(*what, BOB, verdict="wrong", really="dns-failure", words="it was  DNS"),
        judge(*what, ALICE, verdict="right"),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in clicks) == ["AlreadyDecided", "AlreadyDecided", "NoneType"]
    now = await house.ledger.incident(incident.incident_id)
    [judged] = [one for one in now.events if isinstance(one, DiagnosisJudged)]
    assert judged.permission is not None
    with pytest.raises(AlreadyDecided, match=judged.by.called):
        await house.operations.diagnosing.finding(*what)
    with pytest.raises(NotFound):
        await judge(incident.incident_id, DiagnosisId("none"), ALICE, verdict="right")
    await house.close()


async def test_what_fits_is_proposed_once_and_by_the_rules_of_any_choice(
    tmp_path: Path, there: Ground
) -> None:
    await full(there)
    house = await house_of(tmp_path, there)
    incident = await diagnosed(house)
    propose = house.operations.diagnosing.propose
    what = (incident.incident_id, incident.diagnoses[0].id)
    with pytest.raises(BadInput, match="does not recommend 'reset'"):
        await propose(*what, "reset", ALICE)
    with pytest.raises(NotPermitted):
        await propose(*what, "heal", EVE)
    clicks = await asyncio.gather(
        *(propose(*what, "heal", who) for who in (ALICE, ALICE, BOB)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in clicks) == ["AlreadyDecided", "AlreadyDecided", "NoneType"]
    now = await house.ledger.incident(incident.incident_id)
    suggested = [one for one in now.events if isinstance(one, RunbookSuggested)]
    assert [one.runbook["name"] for one in suggested] == ["reset", "heal"]
    assert "fits the diagnosis: a quota refuses new pods" in suggested[-1].why
    assert suggested[-1].requester is not None
    assert now.run_ids == ()
    await house.close()


async def test_a_look_at_a_service_opens_a_thread_where_none_is_and_suggests_nothing_by_itself(
    tmp_path: Path, there: Ground
) -> None:
    await full(there)
    house = await house_of(tmp_path, there, "ask")
    diagnosing = house.operations.diagnosing
    asked = await diagnosing.ask_about("payments", ALICE, channel="C0ELSE")
    assert (asked.subject, asked.incident.place.channel) == ("deployment payments/api", "C0INC")
    first = await house.until_incident(asked.incident.incident_id, lambda one: bool(made_of(one)))
    again = await diagnosing.ask_about("PF9KMXH", BOB)
    assert again.incident.incident_id == first.incident_id
    now = await house.until_incident(first.incident_id, lambda one: len(made_of(one)) == 2)
    assert now.suggestions == ()
    assert now.nothing is None
    for name, who, error in (("nowhere", ALICE, BadInput), ("payments", EVE, NotPermitted)):
        with pytest.raises(error):
            await diagnosing.ask_about(name, who)
    await house.close()


@pytest.mark.parametrize(
    ("service", "error", "words"),
    [
        ({"diagnose": "off"}, NotPermitted, "diagnose: off"),
        ({"workload": None}, BadInput, "does not say what payments is in a cluster"),
        (
            {"workload": Workload(namespace="kube-system", kind="deployment", name="dns")},
            NotPermitted,
            "belongs to no environment",
        ),
    ],
)
async def test_what_may_not_or_cannot_be_looked_into_is_refused_before_anything_is_written(
    tmp_path: Path, there: Ground, service: dict[str, Any], error: type[Exception], words: str
) -> None:
    house = await house_of(tmp_path, there, "ask", service=service)
    incident = await house.page()
    for asking in (
        house.operations.diagnosing.ask(incident.incident_id, ALICE),
        house.operations.diagnosing.ask_about("payments", ALICE),
    ):
        with pytest.raises(error, match=words):
            await asking
    assert (await house.ledger.incident(incident.incident_id)).diagnoses == ()
    await house.close()


async def test_what_the_catalog_no_longer_says_is_told_instead_of_read(tmp_path: Path, there: Ground) -> None:
    house = await house_of(tmp_path, there, "ask")
    incident = await house.page()
    there.cluster.requests.clear()
    house.worker.looker.catalog = lambda: files(there, workload=None)
    await house.operations.diagnosing.ask(incident.incident_id, ALICE)
    incident = await house.until_incident(incident.incident_id, lambda one: bool(made_of(one)))
    [made] = made_of(incident)
    assert made.sentence == "nothing could be read: catalog.yaml does not say what payments is in a cluster"
    assert not incident.diagnoses[0].can_be_judged
    assert len(there.cluster.requests) == 0
    await house.close()


async def test_old_news_are_not_looked_into_when_the_catalog_changes(tmp_path: Path, there: Ground) -> None:
    house = await house_of(tmp_path, there, "ask")
    incident = await house.page()
    opened_at = incident.opened.at
    await house.close()
    auto = files(there)
    assert is_wanted(incident, auto, opened_at + timedelta(minutes=1))
    assert not is_wanted(incident, auto, opened_at + FRESH)
    assert not is_wanted(incident, files(there, workload=None), opened_at)
    assert not is_wanted(incident, files(there, "ask"), opened_at)
    assert not any(isinstance(one, DiagnosisAsked) for one in incident.events)


async def test_what_breaks_while_looking_is_told_as_well_without_its_inside(
    tmp_path: Path, there: Ground
) -> None:
    house = await house_of(tmp_path, there, "ask")
    incident = await house.page()

    def broken() -> Any:
        raise RuntimeError("hunter2 is the password")

    told = []
    for clusters in (no_clusters, broken):
        house.worker.looker.clusters = clusters
        before = len(told)
        await house.operations.diagnosing.ask(incident.incident_id, ALICE)
        incident = await house.until_incident(
            incident.incident_id, lambda one, n=before: len(made_of(one)) > n
        )
        told = [one.sentence for one in made_of(incident)]
    assert told[0] == "nothing could be read: this house has no cluster"
    assert told[1].startswith("nothing could be read: something unexpected happened (reference ")
    assert not [one for one in incident.diagnoses if one.is_open or one.can_be_judged]
    await house.close()

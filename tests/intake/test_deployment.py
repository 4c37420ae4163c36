"""Deployments over `POST /api/v1/events`: what a pipeline may say, and what that does to incidents and the record."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.catalog.schema import Catalog, Cluster, EnvironmentName, Service, ServiceName
from bot.errors import BadInput
from bot.intake.deployed import DeploymentReported, as_evidence, stream_of, streams_before
from bot.intake.deployment import read_deployment, signal_of
from bot.intake.inbox import from_deployment, read_item
from bot.intake.incident import Incident, IncidentChanged, IncidentOpened, Whereabouts, fold
from bot.intake.signal import Signal
from bot.intake.triage import decide
from bot.runs.events import Actor, IncidentId
from tests.intake.given import NOW, US, at
from tests.intake.test_pagerduty_webhooks import json_values, places, replaced

GOOD: dict[str, Any] = {
    "kind": "deployment",
    "service": "checkout",
    "version": "v1.8.0",
    "namespace": "shop",
    "link": "https://ci.acme.example/runs/4711",
}
PIPELINE = Actor(kind="api", id="api:ci", person="api:ci", name="CI")
CATALOG = Catalog(
    clusters={
        "eu": Cluster(
            name="eu",
            namespaces={"shop": EnvironmentName("prod"), "shop-staging": EnvironmentName("staging")},
        )
    },
    environments={},
    services={"checkout": Service(name=ServiceName("checkout"), channel="#shop")},
    default_channel="#incidents",
)


def with_(**change: Any) -> bytes:
    return json.dumps({**GOOD, **change}).encode()


def told(**change: Any) -> Signal:
    item = from_deployment(with_(**change), received_at=NOW, actor=PIPELINE)
    signal = read_item(item, us=US)
    assert isinstance(signal, Signal)
    return signal


def after(signal: Signal, existing: Incident | None = None) -> tuple[Any, ...]:
    return decide(signal, existing=existing, catalog=CATALOG, now=NOW, new_id=IncidentId("inc-1"))


def test_one_that_failed_opens_an_incident_that_knows_where_to_look() -> None:
    signal = told(reason="timed out waiting for the rollout", deployment="checkout-api")
    assert signal == signal_of(
        read_deployment(with_(reason="timed out waiting for the rollout", deployment="checkout-api")),
        received_at=NOW,
        actor=PIPELINE,
    )
    (opened,) = after(signal)
    assert isinstance(opened, IncidentOpened)
    assert opened.origin.source == "deployment"
    assert opened.origin.url == GOOD["link"]
    assert opened.facts.title == "Deployment of checkout v1.8.0 failed"
    assert opened.facts.symptom == "deployment failed: timed out waiting for the rollout"
    assert opened.facts.whereabouts == Whereabouts(namespace="shop", kind="deployment", name="checkout-api")
    assert opened.place.channel == "#shop"
    assert opened.by == PIPELINE


@pytest.mark.parametrize(("namespace", "environment"), [("shop", "prod"), ("shop-staging", "staging")])
def test_the_environment_is_that_of_the_namespace(namespace: str, environment: str) -> None:
    known = CATALOG.model_copy(
        update={"environments": dict.fromkeys(("prod", "staging")), "services": CATALOG.services}
    )
    (opened,) = decide(
        told(namespace=namespace), existing=None, catalog=known, now=NOW, new_id=IncidentId("inc-1")
    )
    assert isinstance(opened, IncidentOpened)
    assert opened.facts.environment == environment


def test_one_that_succeeded_opens_nothing_and_is_told_as_what_changed() -> None:
    signal = told(status="succeeded")
    assert after(signal) == ()
    assert signal.deployment is not None
    (item,) = as_evidence([signal.deployment], now=NOW)
    assert item.text.endswith(
        "checkout v1.8.0 to namespace shop succeeded (https://ci.acme.example/runs/4711)"
    )


def test_the_same_one_tried_again_with_success_ends_the_incident_it_had_opened() -> None:
    for names in ({}, {"deployment_id": "d-17"}):
        opened = after(told(**names))
        (changed,) = after(told(**names, status="succeeded"), fold(opened))
        assert isinstance(changed, IncidentChanged)
        assert (changed.kind, changed.facts.status) == ("resolved", "resolved")


def test_another_version_of_it_is_another_deployment_and_so_is_another_services() -> None:
    keys = {
        told(**change).keys
        for change in (
            {},
            {"version": "v1.8.1"},
            {"namespace": "shop-staging"},
            {"deployment": "worker"},
            {"deployment_id": "d-17"},
            {"deployment_id": "d-17", "service": "storefront"},
        )
    }
    assert len(keys) == 6


def test_a_report_counts_once_for_each_way_it_ended() -> None:
    def known_as(**change: Any) -> str:
        return from_deployment(with_(**change), received_at=NOW, actor=PIPELINE).inbox_id

    assert known_as(deployment_id="d-17") == known_as(deployment_id="d-17", reason="the same again")
    assert known_as(deployment_id="d-17") != known_as(deployment_id="d-17", status="succeeded")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "started"},
        {"version": ""},
        {"version": 18},
        {"namespace": "Shop"},
        {"namespace": "../kube-system"},
        {"deployment": "a", "statefulset": "b"},
        {"namespace": None, "deployment": "a"},
        {"namespace": None, "cluster": "eu"},
        {"link": "javascript:alert(1)"},
        {"link": "https://ci:secret@acme.example/"},
        {"link": "https://acme.example/ and more"},
        {"link": "https://[::1/"},
        {"deployment_id": "a b"},
        {"occurred_at": "yesterday"},
        {"extra": 1},
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        from_deployment(with_(**change), received_at=NOW, actor=PIPELINE)


def test_a_clock_that_runs_ahead_is_not_believed() -> None:
    assert told(occurred_at="2031-01-01T00:00:00Z").occurred_at == NOW
    assert told(occurred_at="2026-11-03T09:12:41Z").occurred_at == at(12, 41)


def report(number: int, *, days_ago: float = 0) -> DeploymentReported:
    when = NOW - timedelta(days=days_ago)
    return DeploymentReported(
        at=when, deployment_id=f"d-{number}", service="checkout", version=f"v{number}", status="succeeded"
    )


def test_evidence_is_what_was_deployed_in_the_last_days_newest_first_and_not_too_much() -> None:
    told_of = as_evidence([report(1, days_ago=8), report(2, days_ago=2), report(3)], now=NOW)
    assert [one.id for one in told_of] == ["delivery/d-3", "delivery/d-2"]
    assert len(as_evidence([report(number) for number in range(50)], now=NOW)) == 10


def test_looking_back_reads_the_months_that_matter() -> None:
    first = NOW.replace(day=2)
    assert streams_before("checkout", first) == (
        stream_of("checkout", first - timedelta(days=7)),
        stream_of("checkout", first),
    )
    assert len(streams_before("checkout", NOW.replace(day=20))) == 1


@settings(max_examples=200, deadline=None)
@given(place=st.sampled_from(places(GOOD)), value=json_values)
def test_whatever_stands_anywhere_it_is_a_deployment_or_bad_input(place: Any, value: Any) -> None:
    body = json.dumps(replaced(GOOD, place, value)).encode()
    try:
        item = from_deployment(body, received_at=NOW, actor=PIPELINE)
    except BadInput:
        return
    assert isinstance(read_item(item, us=US), Signal)

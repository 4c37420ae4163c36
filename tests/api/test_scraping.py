"""`/metrics`: who is let in, and that requests are counted by the address they are declared under."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from bot.api.doors import Doors
from bot.api.routes import create_app
from bot.telemetry.metrics import Metrics
from tests.api.test_routes import BODY, CURRENT, sign
from tests.stories.catalogs import FLUSH
from tests.stories.stage import ALICE, Stage


class Nowhere:
    """An inbox that takes everything."""

    async def accept(self, item: object, /) -> bool:
        return True


def doors(metrics: Metrics) -> Doors:
    return Doors(inbox=Nowhere(), wake=lambda: None, webhook_secrets=(CURRENT,), metrics=metrics)


async def asked(one: Doors, *requests: tuple[str, str]) -> list[int]:
    """The statuses of a few requests."""
    async with TestServer(create_app(one)) as server, ClientSession() as session:
        found = []
        for method, path in requests:
            headers = {"X-PagerDuty-Signature": sign(BODY)} if method == "POST" else {}
            body = BODY if headers else None
            async with session.request(method, server.make_url(path), data=body, headers=headers) as answer:
                found.append(answer.status)
        return found


async def test_without_a_token_nothing_is_told_unless_the_settings_open_it() -> None:
    metrics = Metrics()
    assert await asked(doors(metrics), ("GET", "/metrics")) == [401]
    assert await asked(replace(doors(metrics), metrics_are_open=True), ("GET", "/metrics")) == [200]


async def test_requests_are_counted_by_declared_address_whatever_was_asked_for() -> None:
    metrics = Metrics()
    statuses = await asked(
        doors(metrics),
        ("POST", "/webhooks/pagerduty"),
        ("GET", "/api/v1/runs/p4ssing-by"),
        ("GET", "/no/such/place"),
        ("DELETE", "/healthz"),
        ("GET", "/healthz"),
    )
    assert statuses == [202, 401, 404, 405, 200]
    told = metrics.exposition()
    for line in (
        'runbook_webhooks_total{result="accepted",source="pagerduty"} 1.0',
        'runbook_http_requests_total{method="GET",route="/api/v1/runs/{run_id}",status="401"} 1.0',
        'runbook_http_requests_total{method="GET",route="other",status="404"} 1.0',
        'runbook_http_requests_total{method="DELETE",route="other",status="405"} 1.0',
        'runbook_http_request_seconds_count{route="/healthz"} 1.0',
    ):
        assert line in told, line
    assert "p4ssing" not in told
    assert "no/such" not in told


async def test_a_night_of_the_whole_bot_is_told(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.event(
            anomaly_id="a-17", service_id="PF9KMXH", metric_name="p99_latency", value=2.4, anomaly_score=0.93
        )
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.rest()
        token = stage.token("viewer", subject="prometheus")
        status, told = await stage.call("GET", "/metrics", token=token)
    assert status == 200
    for line in (
        'runbook_incidents_opened_total{service="checkout",source="anomaly"} 1.0',
        'runbook_webhooks_total{result="accepted",source="events"} 1.0',
        'runbook_signals_total{kind="anomaly-event",result="handled"} 1.0',
        'runbook_signal_seconds_count{kind="anomaly-event"} 1.0',
        'runbook_decisions_total{service="checkout",verdict="approved"} 1.0',
        'runbook_steps_executed_total{action="flush/flush-cache",result="succeeded",service="checkout"} 1.0',
        'runbook_slack_calls_total{method="chat.postMessage",result="ok"}',
        'runbook_slack_deliveries_total{result="posted"}',
        'runbook_approvals_pending{service="checkout"} 0.0',
        "process_cpu_seconds_total",
    ):
        assert line in told, line

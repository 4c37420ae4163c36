"""Alertmanager's own webhook: a group fires, grows, is over, and fires again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.stories.catalogs import FLUSH
from tests.stories.stage import ALERTMANAGER_SECRET, ALICE, Stage

PATH = "/webhooks/alertmanager"


class Group:
    """One alert group, and when each of its alerts fires and is over."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._alerts: dict[str, dict[str, Any]] = {}

    def fires(self, pod: str) -> None:
        self._alerts[pod] = {
            "status": "firing",
            "labels": {
                "alertname": "CheckoutSlow",
                "service": "checkout-api",
                "severity": "critical",
                "pod": pod,
            },
            "annotations": {
                "summary": f"checkout answers slowly ({pod})",
                "description": "latency p99 over 2 s for 5 m",
                "value": "2.4",
            },
            "startsAt": self._stage.clock.now().isoformat(),
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://prometheus.acme.example/graph?g0.expr=latency",
            "fingerprint": f"f{pod}",
        }

    def ends(self, pod: str) -> None:
        self._alerts[pod] |= {"status": "resolved", "endsAt": self._stage.clock.now().isoformat()}

    async def notifies(self, *, secret: str = ALERTMANAGER_SECRET) -> tuple[int, Any]:
        body = {
            "version": "4",
            "groupKey": '{}:{alertname="CheckoutSlow"}',
            "receiver": "runbook-bot",
            "groupLabels": {"alertname": "CheckoutSlow"},
            "externalURL": "https://alertmanager.acme.example",
            "alerts": list(self._alerts.values()),
        }
        answer = await self._stage.call("POST", PATH, token=secret, json=body)
        self._stage.clock.push(timedelta(seconds=1))
        return answer


async def test_a_group_fires_grows_is_over_and_fires_again(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        group = Group(stage)
        group.fires("a")
        assert (await group.notifies(secret="x" * 40))[0] == 401
        assert await group.notifies() == (202, {"status": "accepted"})
        assert await group.notifies() == (202, {"status": "duplicate"})
        await stage.tell("one alert fires")
        group.fires("b")
        await group.notifies()
        await stage.tell("a second one of the group fires")
        await stage.click(ALICE, "Approve")
        await stage.tell("Alice approves")
        group.ends("a")
        await group.notifies()
        await stage.tell("the first is over")
        group.ends("b")
        await group.notifies()
        await stage.tell("the second is over too")
        group = Group(stage)
        group.fires("a")
        await group.notifies()
        await stage.tell("it fires again")
        stage.check("alertmanager")

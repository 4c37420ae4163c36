"""The kubernetes type held to the one contract, on a stand-in cluster: once for a workload, once for a node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.actions.kubernetes_ground import API, Ground, ground
from tests.contract.action_contract import ActionContract, Fault, World

NONE = ("none",)


def _faults(world: World) -> Any:
    there: Ground = world.around
    return there.cluster.faults


def _moved(world: World) -> None:
    there: Ground = world.around
    there.bench.catalog = there.bench.catalog.model_copy(update={"clusters": {}})


def _world(there: Ground, given: dict[str, Any]) -> World:
    return World(
        action=there.action,
        given=given,
        scope=there.scope,
        writes=lambda: len(there.writes()),
        around=there,
    )


class TestKubernetesScale(ActionContract):
    faults = (
        Fault("cluster gone", lambda w: w.around.cluster.stop(), "failed", NONE, is_retry=True),
        Fault("unreadable", lambda w: _faults(w).status("get", code=500), "failed", NONE, is_retry=True),
        Fault("not allowed", lambda w: w.around.cluster.rights.forbid("patch"), "failed", NONE),
        Fault("refused", lambda w: _faults(w).status("patch", code=422, times=9), "failed", NONE),
        Fault(
            "always too busy",
            lambda w: _faults(w).status("patch", code=429, times=99),
            "failed",
            NONE,
            is_retry=True,
            timeout_s=0.3,
        ),
        Fault("500", lambda w: _faults(w).status("patch", code=500), "unknown", ("unknown",)),
        Fault("cut", lambda w: _faults(w).cut("patch", is_done=True), "unknown", ("unknown",)),
        Fault("garbage", lambda w: _faults(w).garbage("patch"), "unknown", ("unknown",)),
        Fault("a proxy's page", lambda w: _faults(w).proxy_page("patch"), "unknown", ("unknown",)),
        Fault(
            "never ready",
            lambda w: w.around.cluster.never_ready("payments", "api"),
            "failed",
            ("applied",),
            timeout_s=0.3,
        ),
        Fault("not watchable", lambda w: w.around.cluster.rights.forbid("list"), "failed", ("applied",)),
        Fault("off the catalog now", _moved, "failed", NONE),
        Fault("stopped before", lambda w: None, "failed", NONE, stops_at_once=True),
    )

    @asynccontextmanager
    async def world(self, tmp_path: Any) -> AsyncIterator[World]:
        Path(tmp_path).mkdir(exist_ok=True)  # noqa: ASYNC240 - a test's own folder
        async with ground(tmp_path) as there:
            yield _world(there, {"action": "scale", "replicas": 5, **API})


class TestKubernetesCordon(ActionContract):
    faults = (
        Fault("conflicts", lambda w: _faults(w).conflict("patch", times=99), "failed", NONE, is_retry=True),
        Fault("503", lambda w: _faults(w).status("patch", code=503), "unknown", ("unknown",)),
    )

    @asynccontextmanager
    async def world(self, tmp_path: Any) -> AsyncIterator[World]:
        Path(tmp_path).mkdir(exist_ok=True)  # noqa: ASYNC240
        async with ground(tmp_path) as there:
            yield _world(there, {"action": "cordon", "node": "n1"})

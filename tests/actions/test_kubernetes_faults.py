"""A fault at every request of every verb: whatever breaks, what is said of it is what happened to the cluster.

The judge is the cluster itself: it is compared before and after, and an outcome must not claim less or more than
that. Unknown is right only where the request that broke would have changed something and its answer was lost.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.actions.base import Outcome
from bot.sandbox.cluster.faults import Fault
from bot.sandbox.cluster.requests import Request
from tests.actions.kubernetes_ground import AGENT, API, DB, Ground, ground

VERBS: dict[str, dict[str, Any]] = {
    "scale": {"action": "scale", "replicas": 4, **API},
    "scale down": {"action": "scale", "replicas": 1, **DB},
    "restart": {"action": "restart", **DB},
    "rollout restart": {"action": "restart", "strategy": "rollout", **API},
    "rollout-undo of a deployment": {"action": "rollout-undo", **API},
    "rollout-undo of a daemonset": {"action": "rollout-undo", **AGENT},
    "cordon": {"action": "cordon", "node": "n1"},
    "drain": {"action": "drain", "node": "n1"},
}
BEFORE: dict[str, Fault] = {
    "401": Fault(kind="status", code=401, reason="Unauthorized", times=2),
    "403": Fault(kind="status", code=403, reason="Forbidden", message="forbidden by the test"),
    "404": Fault(kind="status", code=404, reason="NotFound", message="not found, says the test"),
    "409": Fault(kind="status", code=409, reason="Conflict", message="the object has been modified"),
    "422": Fault(kind="status", code=422, reason="Invalid", message="invalid, says the test"),
    "429": Fault(kind="status", code=429, reason="TooManyRequests", message="too many requests"),
}
AMBIGUOUS: dict[str, Fault] = {
    "500": Fault(kind="status", code=500),
    "silence": Fault(kind="silence"),
    "cut": Fault(kind="cut"),
    "garbage": Fault(kind="garbage"),
    "a proxy's page": Fault(kind="proxy_page"),
    "a proxy's 502": Fault(kind="proxy_page", code=502),
}
FAULTS = {
    **BEFORE,
    **AMBIGUOUS,
    **{f"{name} after it was done": replace(fault, is_done=True) for name, fault in AMBIGUOUS.items()},
}


@dataclass
class Broken:
    """What came of one execution in which one request met a fault."""

    hit: Request | None
    outcome: Outcome
    before: Any
    after: Any
    writes: list[Request]


async def requests_of(folder: Path, given: dict[str, Any]) -> int:
    """How many requests executing takes when nothing breaks."""
    async with ground(folder, **SLOW) as there:
        plan = await there.plan(**given)
        there.cluster.requests.clear()
        outcome = await there.execute(plan)
        assert outcome.verdict == "succeeded", outcome
        return len(there.cluster.requests)


async def broken_at(
    folder: Path, given: dict[str, Any], fault: Fault, index: int, *, request_timeout_s: float
) -> Broken:
    async with ground(folder, request_timeout_s=request_timeout_s, **SLOW) as there:
        plan = await there.plan(**given)
        before = state(there)
        there.cluster.requests.clear()
        there.cluster.faults.add(replace(fault, skip=index))
        outcome = await there.execute(plan, timeout_s=request_timeout_s + 1.5)
        met = list(there.cluster.requests)
        there.cluster.faults.clear()
        await there.cluster.settled()
        hit = met[index] if index < len(met) else None
        return Broken(hit=hit, outcome=outcome, before=before, after=state(there), writes=there.writes())


def state(there: Ground) -> Any:
    """What a person would call the state: what is asked for, and which pods there are."""
    asked = {kind: {name: one["spec"] for name, one in there.world()[kind].items()} for kind in KINDS}
    return asked, there.pods()


AT_ONCE = 4
WAITED_OUT_S, PATIENCE_S = 1.5, 4.0
"""A server that says nothing is waited out each time; any other must not be taken for one on a busy machine."""
SLOW = {"ready_after_s": 0.02, "stop_after_s": 0.02}
"""Slow enough that every verb has something to watch."""
KINDS = ("deployments", "statefulsets", "daemonsets", "nodes")


def check(broken: Broken, *, may_be_unknown: bool) -> None:
    """Hold what was said against what happened."""
    outcome, hit = broken.outcome, broken.hit
    is_changed = broken.before != broken.after
    where = f"{hit.line if hit else 'none'}: {outcome}"
    assert outcome.summary, where
    match outcome.verdict, outcome.effect:
        case "succeeded", _:
            assert is_changed, where
        case "failed", "none":
            assert not is_changed, where
        case "failed", "applied" | "partial":
            assert is_changed, where
        case "unknown", "unknown":
            assert may_be_unknown, where
            assert hit is not None, where
            assert hit.is_write, where
        case _:
            pytest.fail(where)
    if hit is not None and hit.is_write and may_be_unknown and hit.verb in ("patch", "create"):
        again = [one for one in broken.writes if one.line == hit.line]
        assert len(again) == 1, f"sent again: {where}"


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("verb", VERBS)
async def test_what_is_said_is_what_happened(tmp_path: Path, verb: str, name: str) -> None:
    given, fault = VERBS[verb], FAULTS[name]
    count = await requests_of(tmp_path, given)
    assert count >= 2
    room = asyncio.Semaphore(AT_ONCE)
    patience_s = WAITED_OUT_S if "silence" in name else PATIENCE_S

    async def one(index: int) -> Broken:
        async with room:
            return await broken_at(tmp_path, given, fault, index, request_timeout_s=patience_s)

    found = await asyncio.gather(*(one(index) for index in range(count)))
    for broken in found:
        check(broken, may_be_unknown=name not in BEFORE)

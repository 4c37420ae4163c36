"""Request by request: what our actions write to a cluster beside what real kubectl writes for the same line.

Ours carry more (the version or uid that binds them to what was approved), never something else; and the cluster ends
up the same.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.cluster.requests import Request
from tests.actions.kubernetes_ground import AGENT, API, DB, Ground, ground
from tests.fakes.patience import PATIENCE_S
from tests.peers.conftest import program

pytestmark = pytest.mark.peer

STEPS: list[dict[str, Any]] = [
    {"action": "scale", "replicas": 5, **API},
    {"action": "scale", "replicas": 1, **DB},
    {"action": "restart", **API},
    {"action": "restart", "grace_period_seconds": 1, **DB},
    *({"action": "restart", "strategy": "rollout", **what} for what in (API, DB, AGENT)),
    *({"action": "rollout-undo", **what} for what in (API, DB, AGENT)),
    {"action": "rollout-undo", "to_revision": 1, **API},
    {"action": "cordon", "node": "n1"},
    {"action": "uncordon", "node": "n2"},
    {"action": "drain", "node": "n1"},
]


async def kubectl(there: Ground, folder: Path, line: str) -> None:
    """Run a line of ours as it is written, against the stand-in."""
    name, *arguments = line.split()
    kubeconfig = there.cluster.write_kubeconfig(folder / "kubectl-config", context="standin")
    running = await asyncio.create_subprocess_exec(
        program(name),
        f"--kubeconfig={kubeconfig}",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
    )
    async with asyncio.timeout(PATIENCE_S):
        said, _ = await running.communicate()
    assert running.returncode == 0, said.decode()


@pytest.mark.parametrize("given", STEPS, ids=lambda one: " ".join(str(part) for part in one.values()))
async def test_we_write_what_kubectl_writes_for_the_line_we_show(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    program("kubectl")
    async with ground(tmp_path) as theirs, ground(tmp_path) as ours:
        for there in (theirs, ours):
            there.cluster.apply("nodes", _closed(there.cluster.get("nodes", "", "n2")))
            await there.cluster.settled()
        plan = await ours.plan(**given)
        [line] = plan.will_run
        ours.cluster.requests.clear()
        outcome = await ours.execute(plan)
        assert outcome.verdict == "succeeded", outcome
        await kubectl(theirs, tmp_path, line)
        for there in (theirs, ours):
            await there.cluster.settled()
        assert _told(ours.writes()) == _told(theirs.cluster.requests.writes())
        assert _still(ours.world()) == _still(theirs.world())
        for ours_one, theirs_one in zip(
            _in_order(ours.writes()), _in_order(theirs.cluster.requests.writes()), strict=True
        ):
            assert _is_within(_plain(theirs_one.body), _plain(ours_one.body)), (ours_one, theirs_one)


def _closed(node: dict[str, Any]) -> dict[str, Any]:
    return {**node, "spec": {**node["spec"], "unschedulable": True}}


def _told(writes: list[Request]) -> list[tuple[str, str, str, str]]:
    """What was written to what, and how it was encoded; pods by the workload they are of."""
    return sorted((one.verb, one.resource, _name(one), one.media) for one in writes)


def _name(one: Request) -> str:
    return re.sub(r"-[a-z0-9]+(-[a-z0-9]{5})?$|-\d+$", "", one.name) if "pods" in one.resource else one.name


def _in_order(writes: list[Request]) -> list[Request]:
    return sorted(writes, key=lambda one: (one.verb, one.resource, one.name))


def _plain(body: Any) -> Any:
    """Without what is of one moment or one pod: times, uids, names; a list of patch operations by its paths."""
    if isinstance(body, list):
        return {one["path"]: _plain(one.get("value")) for one in body if one["op"] != "test"}
    text = json.dumps(body)
    text = re.sub(r'"kubectl.kubernetes.io/restartedAt": "[^"]*"', '"restartedAt": ""', text)
    plain = json.loads(text)
    return _without(plain, ("creationTimestamp", "propagationPolicy", "name", "$patch"))


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _without(one, names) for key, one in value.items() if key not in names}
    if isinstance(value, list):
        return [_without(one, names) for one in value]
    return value


def _is_within(less: Any, more: Any) -> bool:
    """Whether everything that `less` says is said by `more` as well."""
    if isinstance(less, dict) and isinstance(more, dict):
        return all(key in more and _is_within(one, more[key]) for key, one in less.items())
    return bool(less == more)


def _still(world: Any) -> Any:
    """The world without the moment of a restart, also where it went into the name of a ReplicaSet."""
    text = re.sub(r'"kubectl.kubernetes.io/restartedAt": "[^"]*"', '"restartedAt": ""', json.dumps(world))
    return json.loads(re.sub(r"(api)-[a-z0-9]{8,10}\b", r"\1-hash", text))

"""A scene: a workload in trouble, what is wrong with it, and what else may be said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.diagnosis.snapshots import Snap

CRASHES: dict[str, Any] = {
    "waiting": "CrashLoopBackOff",
    "says": "back-off 5m0s restarting failed container=app",
    "restarts": 7,
}
LIVE = {"livenessProbe": {"httpGet": {"port": 8080}}}
READY = {"readinessProbe": {"httpGet": {"port": 8080}}}
SCALES_API = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}}
NO_ENDPOINTS = ("service-without-endpoints",)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One of them."""

    name: str
    make: Callable[[], Snap]
    expected: tuple[str, ...]
    """All that is wrong, the cause first."""
    besides: tuple[str, ...]
    """What else may be found without being wrong."""


SCENES: list[Scene] = []


def scene(
    *expected: str, besides: tuple[str, ...] = NO_ENDPOINTS
) -> Callable[[Callable[[], Snap]], Callable[[], Snap]]:
    """Named after its function."""

    def keep(make: Callable[[], Snap]) -> Callable[[], Snap]:
        SCENES.append(Scene(name=make.__name__, make=make, expected=expected, besides=besides))
        return make

    return keep

"""Workloads in trouble, from which the corpus is recorded."""

from tests.diagnosis.scenes import (
    controlling,
    endings,
    healthy,
    logging,
    mixing,
    placing,
    serving,
    starting,
)
from tests.diagnosis.scenes.base import SCENES, Scene

__all__ = [
    "SCENES",
    "Scene",
    "controlling",
    "endings",
    "healthy",
    "logging",
    "mixing",
    "placing",
    "serving",
    "starting",
]

"""What the status of a run is called when people are told of it."""

from __future__ import annotations

from collections.abc import Mapping

RUN_WORDS: Mapping[str, str] = {
    "queued": "waiting for its turn",
    "running": "running",
    "waiting": "waiting for people",
    "succeeded": "succeeded",
    "failed": "failed",
    "rejected": "rejected",
    "expired": "expired: nobody decided in time",
    "cancelled": "cancelled",
    "rolled_back": "undone",
    "rollback_incomplete": "undo incomplete",
}

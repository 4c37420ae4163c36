"""The dashboard's questions, as Grafana would ask them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bot.cli.dashboard import FILE

_FILLED = {"$__rate_interval": "5m", "$__range": "7d", "$service": "payments|checkout"}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def questions() -> Iterator[tuple[str, str]]:
    """Each panel's title with each of its questions, Grafana's variables filled in."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            asked = target["expr"]
            for variable, value in _FILLED.items():
                asked = asked.replace(variable, value)
            yield panel["title"], asked

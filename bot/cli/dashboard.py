"""`runbookctl dashboard`: the Grafana dashboard over the bot's own metrics, ready to be imported."""

from __future__ import annotations

from pathlib import Path

import click

import bot
from bot.cli.output import put, tell

FILE = Path(bot.__file__).parent / "telemetry" / "dashboard.json"


@click.command()
def dashboard() -> None:
    """Print the Grafana dashboard as JSON.

    Import it in Grafana (Dashboards → New → Import) or put it where Grafana is provisioned from. It asks for the
    Prometheus that scrapes the bot's /metrics.
    """
    put(FILE.read_text(encoding="utf-8"), end="")
    tell("in Grafana: Dashboards → New → Import; it asks which Prometheus scrapes the bot")

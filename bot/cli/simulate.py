"""`runbookctl simulate`: a page played through on paper, from the first card to the last undo."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.catalog import catalog_option, load_catalog
from bot.cli.completion import environments, services
from bot.cli.output import FINE, FOUND_PROBLEMS, json_option, put, put_json, tell

if TYPE_CHECKING:
    from bot.catalog.schema import Catalog
    from bot.engine.simulation.story import Simulation


@click.command()
@click.option(
    "--service",
    required=True,
    shell_complete=services,
    help="A service of catalog.yaml, or a name alerts use for it.",
)
@click.option("--symptom", required=True, help="What is wrong, in the words of an alert.")
@click.option(
    "--env",
    "environment",
    shell_complete=environments,
    default="",
    help="The environment; the service's own when left out.",
)
@click.option("--fail-at", metavar="STEP", default="", help="Let this step fail, to see what is undone.")
@click.option(
    "--fixture",
    "fixture_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that tells what would be found: state, outputs, outcomes, metrics.",
)
@catalog_option
@json_option
@click.pass_context
def simulate(
    context: click.Context,
    *,
    service: str,
    symptom: str,
    environment: str,
    fail_at: str,
    fixture_file: Path | None,
    folder: Path,
    as_json: bool,
) -> None:
    """Print what a page would lead to, touching nothing.

    The bot's own rules decide; people, hosts, clusters and metrics are only pretended. Exits with 1 where no
    runbook would be played.
    """
    from bot.engine.simulation.fixture import NOTHING_KNOWN, read_fixture
    from bot.engine.simulation.story import simulate as play
    from bot.slack.conversation import conversation

    known = read_fixture(fixture_file) if fixture_file is not None else NOTHING_KNOWN
    catalog = load_catalog(folder)
    played = asyncio.run(
        play(catalog, service, symptom, environment=environment, fail_at=fail_at, fixture=known)
    )
    if as_json:
        put_json(_as_json(played, catalog))
    else:
        put(conversation(played, catalog), end="")
    if not played.runs and any(not one.evaluable for one in played.candidates):
        tell(
            "a fixture can tell what those conditions ask for: `incident: { metric_name: …, anomaly_score: … }`"
        )
    context.exit(FINE if played.runs else FOUND_PROBLEMS)


def _as_json(played: Simulation, catalog: Catalog) -> dict[str, Any]:
    from bot.slack.conversation import said

    return {
        "played": played.played or None,
        "status": played.runs[0].status if played.runs else None,
        "candidates": [
            {"runbook": one.runbook, "why": one.why, "evaluable": one.evaluable} for one in played.candidates
        ],
        "excluded": [{"runbook": one.runbook, "reason": one.reason} for one in played.excluded],
        "conversation": [
            {"at": one.at.isoformat(), "by": one.by, "key": one.key or None, "text": one.text}
            for one in said(played, catalog)
        ],
        "undone": played.walked_back,
        "unused": played.unused,
    }

"""`runbookctl list`: the runbooks and actions there are, one a line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.catalog import catalog_option, load_catalog
from bot.cli.completion import services
from bot.cli.output import Column, Marked, json_option, put_json, put_table, tell

if TYPE_CHECKING:
    from bot.catalog.schema import Catalog, Rules

_COLUMNS = (Column("kind"), Column("name"), Column("where"), Column("steps", is_number=True), Column("what"))


@click.command("list")
@click.option("--runbooks", "kind", flag_value="runbook", help="Runbooks only.")
@click.option("--actions", "kind", flag_value="action", help="Actions only.")
@click.option(
    "--service", default="", shell_complete=services, help="Only runbooks whose trigger names this service."
)
@catalog_option
@json_option
def list_(*, kind: str | None, service: str, folder: Path, as_json: bool) -> None:
    """List the runbooks and actions of the catalog; `runbookctl show NAME` tells one whole."""
    catalog = load_catalog(folder)
    found = [one for one in rows(catalog, service=service) if kind in (None, one["kind"])]
    if as_json:
        put_json(found)
        return
    put_table(
        _COLUMNS,
        [
            (one["kind"], Marked(one["name"], "strong"), one["where"], one["steps"], one["description"])
            for one in found
        ],
        empty="there is nothing to list",
    )
    if found:
        tell(f"{len(found)} listed, from {folder}")


def rows(catalog: Catalog, *, service: str = "") -> list[dict[str, Any]]:
    """Each runbook, then each action; with a service only the runbooks that are for it."""
    from bot.catalog.describing import when_it_fits
    from bot.errors import NotFound

    wanted = catalog.service_named(service) if service else None
    if service and wanted is None:
        from bot.catalog.checking import closest

        hint = closest(service, catalog.services) or f"known: {', '.join(sorted(catalog.services)) or 'none'}"
        raise NotFound(f"there is no service {service!r}", hint=hint)
    found: list[dict[str, Any]] = [
        {
            "kind": "runbook",
            "name": runbook.name,
            "where": _where(catalog, runbook.rules, runbook.digest),
            "steps": len(runbook.steps),
            "fits": list(when_it_fits(runbook)),
            "description": runbook.description,
            "digest": runbook.digest,
        }
        for runbook in sorted(catalog.runbooks.values(), key=lambda one: one.name)
        if wanted is None or wanted in map(catalog.service_named, runbook.trigger.services)
    ]
    if service:
        return found
    return found + [
        {
            "kind": "action",
            "name": name,
            "where": _where(catalog, action.action_rules, action.digest),
            "steps": None,
            "fits": [],
            "description": action.description,
            "digest": action.digest,
        }
        for name, action in sorted(catalog.actions.items())
    ]


def _where(catalog: Catalog, rules: Rules, digest: str) -> str:
    if rules.scopes is None:
        return "where its targets are"
    return ", ".join(dict.fromkeys([*rules.scopes, *catalog.promotions.get(digest, ())])) or "nowhere"

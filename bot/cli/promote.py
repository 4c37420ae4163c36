"""`runbookctl promote`: let an action or runbook, exactly as it is now, into an environment, and write down why."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from bot.cli import promote_finding
from bot.cli.catalog import catalog_option, load_catalog
from bot.cli.completion import actions, environments, runbooks
from bot.cli.journal import journal_option, reading
from bot.cli.output import FOUND_PROBLEMS, json_option, put_facts, put_json, tell
from bot.errors import BadInput

if TYPE_CHECKING:
    from bot.catalog.promotion import Promotion
    from bot.catalog.schema import Catalog
    from bot.journal.sqlite import SqliteJournal
    from bot.runs.track_record import TrackRecord

MIN_RUNS, MAX_TROUBLES, LOOK_BACK_DAYS = 10, 0, 180
_MOST_RUNS = 5000
_PAGE = 200
_LONGEST_URL = 2000


@click.command()
@click.option("--action", "action_id", metavar="ID", shell_complete=actions, help="The action to promote.")
@click.option(
    "--runbook", "runbook_name", metavar="NAME", shell_complete=runbooks, help="The runbook to promote."
)
@click.option(
    "--finding",
    metavar="CLASS",
    default="",
    help="With --runbook: let it begin by itself where a diagnosis names this class for certain.",
)
@click.option(
    "--env",
    "environment",
    metavar="ENV",
    shell_complete=environments,
    required=True,
    help="The environment to let it into.",
)
@click.option("--evidence-url", metavar="URL", required=True, help="Where the review or test can be read.")
@click.option("--from-history", is_flag=True, help="Attach how this very version has fared, by the journal.")
@click.option(
    "--min-runs",
    type=click.IntRange(min=1),
    default=MIN_RUNS,
    show_default=True,
    help="With --from-history: refused with fewer runs. With --finding: nights on which it was right.",
)
@click.option(
    "--max-troubles",
    type=click.IntRange(min=0),
    default=MAX_TROUBLES,
    show_default=True,
    help="With --from-history: refused with more steps that failed, were overridden or rolled back, or ended unknown. "
    "With --finding: times it was wrong.",
)
@click.option(
    "--days",
    type=click.IntRange(min=1, max=3650),
    default=LOOK_BACK_DAYS,
    show_default=True,
    help="With --from-history: how far to look back.",
)
@click.option("--by", metavar="WHO", default="", help="Who promotes; by default who Git says commits here.")
@catalog_option
@journal_option
@json_option
def promote(
    *,
    action_id: str | None,
    runbook_name: str | None,
    finding: str,
    environment: str,
    evidence_url: str,
    from_history: bool,
    min_runs: int,
    max_troubles: int,
    days: int,
    by: str,
    folder: Path,
    path: Path | None,
    as_json: bool,
) -> None:
    """Write a promotion into promotions.yaml: this action or runbook, as it is now, may run in ENV.

    It is bound to the digest of what it does. Edit the action and the promotion no longer holds: somebody has to look
    again and promote it again. Commit the file and have it reviewed like code; the bot reads it like the rest.

    With --finding it is trust in a diagnosis: where one names CLASS for certain, the runbook begins by itself in ENV,
    and its first step runs without asking, if every other rule lets it. The record of what people said of the class is
    always attached; fewer than 10 bad nights on which it was right are not enough, whatever --min-runs says.
    """
    from bot.catalog.promoting import standing, with_promotion
    from bot.catalog.promotions_file import PromotionsFile

    catalog = load_catalog(folder)
    if finding and (action_id is not None or runbook_name is None):
        raise click.UsageError("--finding is given with --runbook NAME")
    made = (
        promote_finding.promotion(catalog, finding, runbook_name or "", environment)
        if finding
        else _promotion(catalog, action_id, runbook_name, environment)
    )
    evidence: dict[str, object] = {"url": _checked_url(evidence_url)}
    if finding:
        judged = reading(path, lambda _, records: promote_finding.record_of(records, finding, days))
        promote_finding.refuse_below(judged, min_right=min_runs, max_wrong=max_troubles, days=days)
        evidence["history"] = judged.as_evidence()
    elif from_history:
        users = _users(catalog, made)
        record = reading(path, lambda journal, _: _record(journal, made.digest, users, days))
        _refuse_below(made, record.shortfalls(min_runs=min_runs, max_troubles=max_troubles), days)
        evidence["history"] = record.as_evidence()
    made = made.model_copy(
        update={
            "evidence": evidence,
            "promoted_by": by or _who(folder),
            "promoted_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        }
    )
    file = PromotionsFile.in_folder(folder)
    already = standing(file.promotions, made)
    if already is not None:
        tell(f"nothing to do: {_told(already)} already")
        _put(already, as_json=as_json)
        return
    file.replace(with_promotion(file.text, made, is_json=file.is_json))
    _put(made, as_json=as_json)
    tell(f"wrote {file.path}; commit it and have it reviewed: it holds for exactly what was promoted")


def _promotion(
    catalog: Catalog, action_id: str | None, runbook_name: str | None, environment: str
) -> Promotion:
    """What is to be written, without its evidence; refused where it would say nothing."""
    from bot.catalog.checking import closest
    from bot.catalog.promotion import Promotion

    if (action_id is None) == (runbook_name is None):
        raise click.UsageError("give either --action ID or --runbook NAME")
    kind, name = ("action", action_id or "") if action_id is not None else ("runbook", runbook_name or "")
    known = catalog.actions if kind == "action" else catalog.runbooks
    found = known.get(name)
    if found is None:
        raise BadInput(f"there is no {kind} {name!r}", hint=closest(name, known) or _listed(known))
    if environment not in catalog.environments:
        raise BadInput(
            f"there is no environment {environment!r}",
            hint=closest(environment, catalog.environments) or _listed(catalog.environments),
        )
    scopes = (
        catalog.actions[name].action_rules.scopes if kind == "action" else catalog.runbooks[name].rules.scopes
    )
    if scopes is None:
        raise BadInput(
            f"the {kind} {name!r} names no scopes, so nothing keeps it out of {environment}",
            hint="say where it may run (safety: {scopes: […]}), then promote it beyond that",
        )
    if environment in scopes:
        raise BadInput(f"the {kind} {name!r} may run in {environment} by its own scopes already")
    return Promotion(
        action=name if kind == "action" else "",
        runbook=name if kind == "runbook" else "",
        digest=found.digest,
        environment=environment,
    )


def _listed(known: object) -> str:
    return f"known: {', '.join(sorted(map(str, known))) or 'none'}"  # type: ignore[call-overload]  # a mapping's keys


def _checked_url(text: str) -> str:
    """The address of the evidence; whoever reviews the file will click it."""
    try:
        url = urlsplit(text)
        is_good = url.scheme in ("http", "https") and bool(url.hostname) and "@" not in url.netloc
    except ValueError:
        is_good = False
    if not is_good or len(text) > _LONGEST_URL or not text.isprintable() or " " in text:
        raise BadInput(
            f"{text!r} is no address that a reviewer could open",
            hint="give an http or https URL without a password",
        )
    return text


def _refuse_below(promotion: Promotion, shortfalls: Sequence[str], days: int) -> None:
    """Leave with what the record lacks, where it lacks anything."""
    if not shortfalls:
        return
    name = promotion.action or promotion.runbook
    tell(f"{name!r} is not promoted: in the last {days} days this version has {'; '.join(shortfalls)}")
    tell("hint: let it run where it may, or promote it without --from-history on evidence of your own")
    raise click.exceptions.Exit(FOUND_PROBLEMS)


def _users(catalog: Catalog, promotion: Promotion) -> list[str]:
    """The runbooks whose runs can tell about it."""
    if promotion.runbook:
        return [promotion.runbook]
    return [
        runbook.name
        for runbook in catalog.runbooks.values()
        if any(step.action == promotion.action for step in (*runbook.steps, *runbook.on_reject))
    ]


async def _record(journal: SqliteJournal, digest: str, runbooks: list[str], days: int) -> TrackRecord:
    from bot.engine.ledger import Ledger
    from bot.journal.base import HistoryQuery
    from bot.journal.reads import history
    from bot.runs.state import Run
    from bot.runs.track_record import track_record

    since = datetime.now(UTC) - timedelta(days=days)
    ledger = Ledger(journal)
    found: list[Run] = []
    for name in runbooks:
        cursor = ""
        while len(found) < _MOST_RUNS:
            page = await history(journal, HistoryQuery(runbook=name, since=since, limit=_PAGE, cursor=cursor))
            rows = [row for row in page.runs if not row.dry_run and row.finished_at is not None]
            found += [await ledger.run(row.run_id) for row in rows]
            cursor = page.next_cursor
            if not cursor:
                break
    return track_record(found, digest=digest)


def _who(folder: Path) -> str:
    """Who promotes, as Git knows them, else as this machine does."""
    from bot.catalog.commit import committer_of

    if found := committer_of(folder):
        return found
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return ""


def _told(promotion: Promotion) -> str:
    who = f" by {promotion.promoted_by}" if promotion.promoted_by else ""
    when = f" at {promotion.promoted_at}" if promotion.promoted_at else ""
    on = f" on {promotion.finding}" if promotion.finding else ""
    return f"{promotion.action or promotion.runbook}{on} was promoted to {promotion.environment}{who}{when}"


def _put(promotion: Promotion, *, as_json: bool) -> None:
    if as_json:
        put_json(promotion.model_dump(mode="json"))
        return
    history = promotion.evidence.get("history")
    facts: list[tuple[str, str]] = [
        ("action" if promotion.action else "runbook", promotion.action or promotion.runbook),
        ("finding", promotion.finding),
        ("environment", promotion.environment),
        ("digest", promotion.digest),
        ("evidence", str(promotion.evidence.get("url", ""))),
        *(
            [("history", ", ".join(f"{key} {_figure(value)}" for key, value in history.items()))]
            if history
            else []
        ),
        ("by", promotion.promoted_by),
        ("at", promotion.promoted_at),
    ]
    put_facts([(name, value) for name, value in facts if value])


def _figure(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

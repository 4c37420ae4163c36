"""How one version of an action or runbook has fared so far: what a promotion may show as its evidence.

Only what ran with exactly this digest counts: a run of the version before says nothing about the one that is to be let
in. Dry runs and runs that are not over say nothing either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.runs.automation import Account, accounts
from bot.runs.state import Run
from bot.runs.statistics import CANDIDATE_FROM

MIN_RUNS = CANDIDATE_FROM
MAX_TROUBLES = 0


@dataclass(frozen=True, kw_only=True)
class TrackRecord:
    """Counts over runs and the steps in them that this version was used for."""

    runs: int = 0
    """In which it was really done, at least in part."""
    approved_unchanged: int = 0
    edited: int = 0
    rejected: int = 0
    skipped: int = 0
    overridden: int = 0
    failed: int = 0
    unknown: int = 0
    rolled_back: int = 0
    environments: tuple[str, ...] = ()
    first_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def troubles(self) -> int:
        """Steps that a person had to save: failed, of unknown outcome, forced past the rules, or taken back."""
        return self.overridden + self.failed + self.unknown + self.rolled_back

    def shortfalls(self, *, min_runs: int = MIN_RUNS, max_troubles: int = MAX_TROUBLES) -> tuple[str, ...]:
        """What of the record is not good enough, in words; empty when it is."""
        found = []
        if self.runs < min_runs:
            found.append(f"{self.runs} of {min_runs} runs")
        if self.troubles > max_troubles:
            told = ", ".join(
                f"{count} {word}"
                for count, word in (
                    (self.overridden, "overridden"),
                    (self.failed, "failed"),
                    (self.unknown, "unknown"),
                    (self.rolled_back, "rolled back"),
                )
                if count
            )
            found.append(f"{told}, where {max_troubles or 'none'} may be")
        return tuple(found)

    def as_evidence(self) -> dict[str, object]:
        """As it is written into a file."""
        return {
            "runs": self.runs,
            "approved_unchanged": self.approved_unchanged,
            "edited": self.edited,
            "rejected": self.rejected,
            "skipped": self.skipped,
            "overridden": self.overridden,
            "failed": self.failed,
            "unknown": self.unknown,
            "rolled_back": self.rolled_back,
            "environments": list(self.environments),
            "from": f"{self.first_at:%Y-%m-%d}" if self.first_at else "",
            "to": f"{self.last_at:%Y-%m-%d}" if self.last_at else "",
        }


def track_record(runs: Iterable[Run], *, digest: str) -> TrackRecord:
    """The record of the action or runbook with this digest over these runs."""
    counted: list[Account] = []
    done: list[Run] = []
    for run in runs:
        if run.finished is None or run.opened.dry_run:
            continue
        found = list(_accounts_of(run, digest))
        counted.extend(found)
        if any(run.steps[one.step].has_effect or one.status == "succeeded" for one in found):
            done.append(run)
    times = sorted(run.opened.at for run in done)
    return TrackRecord(
        runs=len(done),
        approved_unchanged=sum(one.is_unchanged for one in counted),
        edited=sum(one.edits > 0 for one in counted),
        rejected=sum(one.is_rejected for one in counted),
        skipped=sum(one.is_skipped for one in counted),
        overridden=sum(one.is_overridden for one in counted),
        failed=sum(one.has_failed for one in counted),
        unknown=sum(one.was_unknown for one in counted),
        rolled_back=sum(one.is_rolled_back for one in counted),
        environments=tuple(sorted({run.environment for run in done if run.environment})),
        first_at=times[0] if times else None,
        last_at=times[-1] if times else None,
    )


def _accounts_of(run: Run, digest: str) -> Iterator[Account]:
    for account in accounts(run):
        if digest in (run.runbook.digest, run.steps[account.step].step.digest):
            yield account

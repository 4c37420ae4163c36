"""`promotions.yaml`: which digest of an action or runbook was let into which environment, on what evidence.

One that names a `finding` lets nothing in anywhere. It is earned trust: where a diagnosis names that class of failure
for certain, the runbook may begin in the environment without a click, if every other rule lets its first step run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from bot.catalog.checking import FileModel, checked
from bot.catalog.schema import EnvironmentName, RunbookName, Trust
from bot.catalog.source import Document

MIN_RIGHT = 10
"""Bad nights of which people said that a class was right, before it is trusted: as many as make an action a candidate
for a tag."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Promotion(FileModel):
    """One line of evidence, reviewed like code."""

    action: str = ""
    runbook: str = ""
    finding: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9-]{0,60})?$")] = ""
    """The class of failure for which the runbook may begin by itself."""
    digest: Digest
    environment: str
    evidence: dict[str, Any] = Field(default_factory=dict)
    """What was seen when it was promoted: runs, verdicts, links."""
    promoted_by: str = ""
    promoted_at: str = ""

    @model_validator(mode="after")
    def _is_of_one_thing(self) -> Self:
        if bool(self.action) == bool(self.runbook):
            raise ValueError("a promotion is of one action or of one runbook")
        if self.finding and not self.runbook:
            raise ValueError("a class of failure is trusted for a runbook")
        if self.finding and self.right < MIN_RIGHT:
            raise ValueError(
                f"a class of failure is trusted on its record: evidence.history.right_when_certain is {self.right}, "
                f"and {MIN_RIGHT} are needed"
            )
        return self

    @property
    def right(self) -> int:
        """How often people said, by its record, that the class was right when it was certain."""
        return self._figure("right_when_certain")

    @property
    def judged(self) -> int:
        """How often people said, by its record, whether it was right."""
        return self._figure("judged")

    def _figure(self, name: str) -> int:
        history = self.evidence.get("history")
        found = history.get(name) if isinstance(history, dict) else None
        return found if isinstance(found, int) and not isinstance(found, bool) else 0


class PromotionsFile(FileModel):
    """The whole file."""

    promotions: Annotated[list[Promotion], Field(max_length=10_000)] = Field(default_factory=list)


def read_promotions(document: Document) -> list[Promotion]:
    """The promotions as written; [] with the reasons noted when the file cannot be used."""
    if document.data is None:
        return []
    spec = checked(PromotionsFile, document.data, document)
    return list(spec.promotions) if spec else []


def trusts(promotions: list[Promotion]) -> tuple[Trust, ...]:
    """For which classes of failure which runbooks may begin by themselves, and where."""
    return tuple(
        Trust(
            finding=one.finding,
            runbook=RunbookName(one.runbook),
            digest=one.digest,
            environment=EnvironmentName(one.environment),
            right=one.right,
            judged=one.judged,
            promoted_by=one.promoted_by,
            promoted_at=one.promoted_at,
        )
        for one in promotions
        if one.finding
    )


def by_digest(promotions: list[Promotion]) -> Mapping[str, tuple[EnvironmentName, ...]]:
    """Digest to the environments it was let into, each once, in the order they were written."""
    found: dict[str, dict[EnvironmentName, None]] = {}
    for promotion in promotions:
        if promotion.finding:
            continue  # trust in a diagnosis opens no environment to anything
        found.setdefault(promotion.digest, {})[EnvironmentName(promotion.environment)] = None
    return {digest: tuple(environments) for digest, environments in found.items()}

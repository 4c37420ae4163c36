"""`promotions.yaml`: which digest of an action or runbook was let into which environment, on what evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from bot.catalog.checking import FileModel, checked
from bot.catalog.schema import EnvironmentName
from bot.catalog.source import Document

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Promotion(FileModel):
    """One line of evidence, reviewed like code."""

    action: str = ""
    runbook: str = ""
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
        return self


class PromotionsFile(FileModel):
    """The whole file."""

    promotions: Annotated[list[Promotion], Field(max_length=10_000)] = Field(default_factory=list)


def read_promotions(document: Document) -> list[Promotion]:
    """The promotions as written; [] with the reasons noted when the file cannot be used."""
    if document.data is None:
        return []
    spec = checked(PromotionsFile, document.data, document)
    return list(spec.promotions) if spec else []


def by_digest(promotions: list[Promotion]) -> Mapping[str, tuple[EnvironmentName, ...]]:
    """Digest to the environments it was let into, each once, in the order they were written."""
    found: dict[str, dict[EnvironmentName, None]] = {}
    for promotion in promotions:
        found.setdefault(promotion.digest, {})[EnvironmentName(promotion.environment)] = None
    return {digest: tuple(environments) for digest, environments in found.items()}

"""What was read, each step with the place it was written: what translation hands to lint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from bot.catalog.dialect import ActionHead, RunbookHead
from bot.catalog.schema import Param, Runbook, Step
from bot.catalog.source import Document, Location

Phase = Literal["action", "steps", "on_reject"]
InputModels = Mapping[str, type[BaseModel]]


@dataclass(frozen=True)
class Part:
    """One step as it was written: an action, an inline step, a reference, or a rollback of one of them."""

    document: Document
    location: Location
    step: Step
    phase: Phase
    owner: Action | Book
    is_reference: bool = False
    is_rollback: bool = False
    is_sound: bool = True
    """False when it could not be understood whole; then only its texts are looked at."""
    inherited: frozenset[str] = frozenset()
    """Input keys that stand elsewhere (a rollback's host); not judged twice."""
    inherited_expectations: int = 0
    """How many of the step's first expectations are its action's."""

    def at(self, *path: str | int) -> Location:
        """Where a key of this step stands; a rollback written as a bare command is its own place."""
        return (*self.location, *path)


@dataclass
class Action:
    """One action file as read."""

    document: Document
    head: ActionHead
    params: tuple[Param, ...]
    step: Step
    parts: list[Part] = field(default_factory=list)
    has_foreign_rollback: bool = False
    """Its rollback names another action; see `binding`."""


@dataclass
class Book:
    """One runbook file as read; `runbook` stays None while any of its steps cannot be understood."""

    document: Document
    head: RunbookHead
    params: tuple[Param, ...]
    runbook: Runbook | None = None
    parts: list[Part] = field(default_factory=list)

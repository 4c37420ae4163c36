"""Lint knows exactly the names that a run's templates can look up."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.catalog.lint_texts import FACTS
from bot.catalog.schema import Catalog
from bot.engine.opening import values_of
from bot.intake.incident import Facts, IncidentOpened, Origin, Place, fold
from bot.runs.events import IncidentId


def test_the_names_lint_lets_through_are_those_there_are() -> None:
    opened = IncidentOpened(
        at=datetime(2026, 3, 14, 2, 0, tzinfo=UTC),
        incident_id=IncidentId("i"),
        origin=Origin(key="k", source="manual"),
        facts=Facts(title="CPU"),
        place=Place(channel="C0INC"),
    )
    known = values_of(fold([opened]), Catalog())
    for name in ("incident", "service"):
        there = known[name]
        assert isinstance(there, dict)
        assert set(there) == set(FACTS[name])

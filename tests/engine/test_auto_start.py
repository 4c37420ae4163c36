"""A run that begins without a click: only where trigger and environment say so, and never on somebody's words alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.catalog.schema import Catalog, Environment, Trigger
from tests.engine.house import UNATTENDED, House, catalog, dial_step, runbook

STARTS = Trigger(symptoms=("dial stuck",), services=("payments",), auto_start=True)


def _files(*, allowed: bool) -> Catalog:
    files = catalog(runbook("turn", dial_step("a", rules=UNATTENDED), trigger=STARTS))
    staging = Environment(name="staging", approvers=("U0ALICE",), auto_start=allowed)  # type: ignore[arg-type]
    return files.model_copy(update={"environments": {**files.environments, "staging": staging}})


async def test_it_begins_where_trigger_and_environment_say_so(tmp_path: Path) -> None:
    house = await House.open(tmp_path / "journal.db", _files(allowed=True))
    try:
        incident = await house.page()
        run = await house.finished(incident.run_ids[0])
        assert run.status == "succeeded"
        assert house.world.turns == [("a", 1)]
    finally:
        await house.close()


@pytest.mark.parametrize(("allowed", "from_text"), [(False, False), (True, True)])
async def test_it_is_only_suggested_elsewhere_and_on_words_alone(
    tmp_path: Path, allowed: bool, from_text: bool
) -> None:
    house = await House.open(tmp_path / "journal.db", _files(allowed=allowed))
    try:
        incident = await house.page(from_text=from_text)
        assert incident.open_suggestion is not None
        assert house.world.turns == []
    finally:
        await house.close()

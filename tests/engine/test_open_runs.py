"""What is open is told whole: a list that stops at a page would say that nothing else goes on."""

from __future__ import annotations

from bot.engine import operations
from bot.journal.base import HistoryQuery
from tests.engine.house import catalog, dial_step, runbook
from tests.engine.keeping import Opened


async def test_every_open_run_is_told_with_its_thread_however_many_there_are(restarted: Opened) -> None:
    house = await restarted(catalog(runbook("turn", dial_step("a"))))
    many = max(HistoryQuery().limit, operations.THREADS_AT_ONCE) + 1
    started = {await house.start("turn") for _ in range(many)}
    rows = await house.operations.status()
    assert {row.run_id for row in rows} == started
    assert len(await house.operations.threads(rows)) == many

"""A page, clicks, a healed service: approved to the end, over both ways in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.catalogs import HEAL
from tests.stories.stage import ALICE, BOB, Mode, Stage


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_a_page_is_healed_by_two_clicks(tmp_path: Path, mode: Mode) -> None:
    async with Stage.open(tmp_path, runbooks={"heal-checkout": HEAL}, mode=mode) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        stage.host.prints("curl -s localhost/health", "healthy\n")
        stage.host.prints("systemctl restart checkout", "")
        await stage.page("triggered")
        await stage.tell("a page arrives")
        await stage.click(ALICE, "Approve")
        await stage.tell("Alice approves the first step")
        await stage.click(BOB, "Approve")
        await stage.tell("Bob approves the restart")
        stage.check("approve_to_the_end")
        assert stage.host.ran == [
            "redis-cli FLUSHDB",
            "curl -s localhost/health",
            "systemctl restart checkout",
        ]

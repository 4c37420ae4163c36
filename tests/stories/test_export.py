"""A run as a document in its thread: once for what happened, and again only when more has happened."""

from __future__ import annotations

from pathlib import Path

from tests.stories.catalogs import FLUSH
from tests.stories.stage import ALICE, BOB, CAROL, GUEST, Stage


def documents(stage: Stage) -> list[str]:
    """The bytes of every Markdown file in the channel, as text."""
    found = [
        file["id"]
        for message in stage.slack.messages("C0INC")
        for file in message.get("files") or ()
        if file["name"].endswith(".md")
    ]
    return [(stage.slack.workspace.files.get(one).content or b"").decode() for one in found]


async def test_a_run_is_exported_once_until_more_happens(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        stage.host.prints("redis-cli RESTORE", "OK\n")
        await stage.page("triggered")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.tell("a page arrives, Alice approves, it is done")
        await stage.click(CAROL, "Export")
        await stage.until(lambda: documents(stage), what="the document")
        await stage.tell("Carol, who may decide nothing, wants it as a document")
        await stage.click(BOB, "Export")
        await stage.told(BOB)
        await stage.click(GUEST, "Export")
        await stage.told(GUEST)
        await stage.tell("Bob and a guest want it too")
        (first,) = documents(stage)
        for words in ("# flush: succeeded", "**approved** by alice", "web-1: redis-cli FLUSHDB"):
            assert words in first
        await stage.click(ALICE, "Undo what it did")
        await stage.rest()
        await stage.click(BOB, "Export")
        await stage.until(lambda: len(documents(stage)) == 2, what="the second document")
        assert "redis-cli RESTORE" in documents(stage)[1]
        assert len(documents(stage)[1]) > len(documents(stage)[0])
        stage.check("export")

"""A question in words: the bot answers in the thread, and only a click makes it more than an answer."""

from __future__ import annotations

from pathlib import Path

from bot.sandbox import acme
from bot.slack import ids
from tests.stories.catalogs import FLUSH
from tests.stories.stage import ALICE, BOB, CAROL, GUEST, Stage
from tests.stories.test_commands import SEVERAL, TYPED

BOT = f"<@{acme.BOT}>"
OTHER = """
    description: Rebuild the index.
    trigger: { service_id: search, symptoms: [stale results] }
    steps:
      - { name: rebuild, command: rebuild-index, host: web-1, irreversible: true }
    safety: { scopes: [prod] }
"""


async def test_a_mention_is_answered_with_the_next_safe_step_in_its_thread(tmp_path: Path) -> None:
    books = {"flush": FLUSH, "workers": TYPED, "rebuild": OTHER}
    async with Stage.open(tmp_path, runbooks=books, inventory=SEVERAL) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        for who, words in (
            (ALICE, "latency on checkout is &gt; 2s, what now?"),
            (BOB, "the disk is full"),
            (CAROL, "search: stale results"),
            (ALICE, "SEARCH is down"),
            (ALICE, "checkout"),
            (BOB, "checkout: queue is long"),
        ):
            before = len(stage.slack.messages("C0INC"))
            await stage.slack.user(who).post("C0INC", f"{BOT} {words}")
            await stage.until(lambda n=before: len(stage.slack.messages("C0INC")) > n + 1, what="the answer")
            await stage.tell(f"{stage.reading.names[who]} asks")
        assert await stage.runs() == []
        assert await stage.app.journal.incidents() == ()
        for who, words in ((GUEST, "latency on checkout"), (BOB, ""), (CAROL, "status")):
            await stage.slack.user(who).post("C0INC", f"{BOT} {words}")
            await stage.told(who)
            await stage.tell(f"{stage.reading.names[who]} says {words!r}")
        await stage.click(BOB, "Propose it here", nth=0)
        await stage.until(lambda: stage.shown("Approve"), what="the proposal")
        await stage.tell("Bob wants the first answer proposed")
        ts, _, _ = stage.shown("Approve")[-1]
        root = next(one for one in stage.slack.messages("C0INC") if one["ts"] == ts)["thread_ts"]
        before = len(stage.slack.messages("C0INC"))
        await stage.slack.user(ALICE).post("C0INC", f"{BOT} still latency", thread_ts=root)
        await stage.until(lambda: len(stage.slack.messages("C0INC")) > before + 1, what="the answer")
        await stage.tell("Alice asks in the thread of the run")
        await stage.click(ALICE, "Approve")
        await stage.until(lambda: stage.host.ran == ["redis-cli FLUSHDB"], what="the step to run")
        await stage.click(BOB, "Propose workers")
        form = await stage.form(BOB)
        assert f"{ids.PARAM_BLOCK}workers" in str(form["blocks"])
        await stage.rest()
        stage.check("mentions")

"""A click on Approve until its step is started: `StepStarted` is durable, and the step may touch the world.

Counted: from the click in the workspace, over Socket Mode, until the event can be read from the journal's file by
another connection: who clicked, whether they may, the run opened with the decision, slot and locks, the state read
again, the intent committed. Not counted: the step itself, and what Slack is told of it.

Beside it a bare Bolt app that acknowledges the same click on the same message and commits one row on the same disk. The
promise is about the whole time, the app is there to show how much of it is the way in and one commit; the second line
is the same samples beside the two bare commits that the journal asks of the disk on this way.
"""

from __future__ import annotations

from pathlib import Path

from bot.sandbox import acme
from tests.bench import scene
from tests.bench.floor import Floor
from tests.bench.harness import Row, figures, timed

WARM_UPS = 25
SAMPLES = 100
COMMITS = (4000, 2000)
"""The run opened with its decision, the intent; in characters."""
STARTED = "events WHERE name = 'step-started'"
CLICKED = "clicks WHERE 1"


async def measure(folder: Path) -> list[Row]:
    """Bot and bare app in turns; the bot gets a fresh incident for each click."""
    ours: list[float] = []
    beside: list[float] = []
    commits: list[float] = []
    async with scene.bot(folder / "bot") as bot:
        _, first = await bot.page()
        offer = await bot.offered(first, "Approve")
        async with scene.bare(folder / "bare", first=first, offer=offer) as bare:
            mine = bare.slack.messages(acme.INCIDENTS)[-1]
            floor = Floor(folder / "floor.db")
            for count in range(WARM_UPS + SAMPLES):
                _, root = await bot.page()
                offer = await bot.offered(root, "Approve")
                await bot.settle()
                took_s = await bot.click(offer, "Approve", until=STARTED)
                await bot.settle()
                bare_s = await bare.click(mine, "Approve", until=CLICKED)
                commit_s = timed(lambda: floor.commit(*COMMITS))
                if count >= WARM_UPS:
                    ours.append(took_s)
                    beside.append(bare_s)
                    commits.append(commit_s)
            floor.close()
    return [
        Row(
            what="click → step started",
            ours=figures(ours),
            beside_what="bare Bolt app, one commit",
            beside=figures(beside),
            promised_ms=5.0,
            is_own=False,
        ),
        Row(
            what="  the same",
            ours=figures(ours),
            beside_what="two bare commits",
            beside=figures(commits),
        ),
    ]

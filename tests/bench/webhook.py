"""A signed PagerDuty webhook until the first message of its incident stands in the workspace.

Counted: from before the webhook is sent, over a kept connection, until the workspace has taken the first message: the
signature, the inbox's commit, the triage, the incident's commit, the drawing of the card, the delivery's commit, the
call. Not counted: the answer to that call, the suggestion and everything after it.

Beside it a bare Bolt app that posts the very same message for the very same request and does nothing else, in the same
kind of process, to the same kind of workspace. Own time is what is left when the app's is taken away. The app never
touches the disk; the second line is the same samples beside three bare commits made at the same moment, which is what
the journal asks of the disk on this way.
"""

from __future__ import annotations

from pathlib import Path

from tests.bench import scene
from tests.bench.floor import Floor
from tests.bench.harness import Row, figures, timed

WARM_UPS = 25
SAMPLES = 100
COMMITS = (2000, 2000, 500)
"""The signal, the incident's first event, the mark that Slack is being asked; in characters."""


async def measure(folder: Path) -> list[Row]:
    """Bot and bare app in turns."""
    ours: list[float] = []
    beside: list[float] = []
    commits: list[float] = []
    async with scene.bot(folder / "bot") as bot:
        _, first = await bot.page()
        offer = await bot.offered(first, "Approve")
        await bot.settle()
        async with scene.bare(folder / "bare", first=first, offer=offer) as bare:
            floor = Floor(folder / "floor.db")
            for count in range(WARM_UPS + SAMPLES):
                for place, samples in ((bot, ours), (bare, beside)):
                    took_s, _ = await place.page()
                    await place.settle()
                    if count >= WARM_UPS:
                        samples.append(took_s)
                commit_s = timed(lambda: floor.commit(*COMMITS))
                if count >= WARM_UPS:
                    commits.append(commit_s)
            floor.close()
    return [
        Row(
            what="webhook → first message",
            ours=figures(ours),
            beside_what="bare Bolt app that posts it",
            beside=figures(beside),
            promised_ms=5.0,
        ),
        Row(
            what="  the same",
            ours=figures(ours),
            beside_what="three bare commits",
            beside=figures(commits),
        ),
    ]

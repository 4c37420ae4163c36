"""The demo as somebody meets it at a terminal: the welcome, the end by Ctrl-C, and the run without anybody.

The first Ctrl-C stops in order, within two seconds; a second one, or a stop that takes longer, ends at once. Either
way nothing is left behind.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from bot.sandbox.demo.auto import play
from bot.sandbox.demo.folder import Folder
from bot.sandbox.demo.payments import Payments
from bot.sandbox.demo.world import World, free_page_port

STOPS_WITHIN_S = 1.8
INTERRUPTED = 130
PACE_ALONE_S = 0.05
WATCH_ALONE_EVERY_S = 0.1

Say = Callable[[str], None]


def run_alone(*, keep: Path | None, out: Say, words: Say, payments: Payments | None = None) -> bool:
    """Play the demo without anybody; `out` takes the thread, `words` what is said about it. Whether it healed."""
    folder = Folder.make(keep)
    try:
        return asyncio.run(_alone(folder, payments or Payments(pace_s=PACE_ALONE_S), out=out, words=words))
    finally:
        folder.remove()


async def _alone(folder: Folder, payments: Payments, *, out: Say, words: Say) -> bool:
    world = World(folder, payments=payments, watch_every_s=WATCH_ALONE_EVERY_S)
    try:
        await world.start()
        played = await play(world)
    finally:
        await world.stop()
    out(played.transcript)
    if played.is_healed:
        words(f"healed: the service answers 200 again, {played.took_s:.1f} s after it broke")
    else:
        words(f"not healed: {played.trouble}")
    return played.is_healed


def run_for_somebody(*, port: int, keep: Path | None, words: Say) -> None:
    """Serve the demo until Ctrl-C."""
    folder = Folder.make(keep)
    try:
        asyncio.run(_for_somebody(folder, port=port, words=words))
    finally:
        folder.remove()


async def _for_somebody(folder: Folder, *, port: int, words: Say) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if ended.is_set():
            _leave(folder)
        ended.set()

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, interrupt)
    world = World(folder)
    starting = asyncio.create_task(_start(world, port=port, words=words), name="demo start")
    waiting = asyncio.create_task(ended.wait(), name="demo end")
    try:
        await asyncio.wait((starting, waiting), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            words(welcome(world))
            await waiting
    finally:
        await _stop(world, starting, waiting, folder)
        words("the demo has ended" + (f"; its files are in {folder.path}" if folder.is_kept else ""))


async def _start(world: World, *, port: int, words: Say) -> None:
    page_port = free_page_port(port)
    if page_port != port:
        words(f"port {port} is taken, so the page is at another one")
    await world.start(page_port=page_port)


async def _stop(
    world: World, starting: asyncio.Task[None], waiting: asyncio.Task[bool], folder: Folder
) -> None:
    starting.cancel()
    waiting.cancel()
    try:
        async with asyncio.timeout(STOPS_WITHIN_S):
            await asyncio.gather(starting, waiting, return_exceptions=True)
            await world.stop()
    except TimeoutError:
        _leave(folder)


def _leave(folder: Folder) -> None:
    """At once: threads and sockets go with the process, the folder has to be taken away before."""
    folder.remove()
    sys.stdout.flush()
    os._exit(INTERRUPTED)


def welcome(world: World) -> str:
    """What somebody reads first: where to go, who they are there, what to click."""
    return f"""
  A Slack workspace of your own is open:   {world.slack.page_url}

  You are Alice, on call for payments. Everything is on this machine and really happens:
  a payments service, the host it runs on (reached over SSH), PagerDuty's part, and the bot.

  1. Click “Break payments” at the top. Customers get 500s; PagerDuty pages; the bot answers in #incidents.
  2. Open the thread. It says what it would do next, where, and what comes of it. Click Approve, step by step.
  3. Watch “payments” at the top turn healthy, and the page resolve itself.

  Then try: the menu under a suggestion (switch-provider needs two people: act as Bob), Edit on add-workers after
  “CPU anomaly”, Reject with a reason, Mira (who may not approve), and /runbook list in any channel.

  The runbooks are in {world.folder.runbooks}
  Change one and save: within seconds the bot works by it.

  Ctrl-C ends it{"" if world.folder.is_kept else " and leaves nothing behind"}.
"""

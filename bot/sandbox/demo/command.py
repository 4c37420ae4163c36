"""The demo as somebody meets it at a terminal: the welcome, the end by Ctrl-C, and the run without anybody.

The first Ctrl-C stops in order, which takes a moment; a second one, or a stop that hangs, ends at once. Either way
nothing is left behind.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from bot.sandbox.demo.auto import play
from bot.sandbox.demo.folder import Folder
from bot.sandbox.demo.payment_api import PaymentApi
from bot.sandbox.demo.payments import Payments
from bot.sandbox.demo.world import World, free_page_port

STOPS_WITHIN_S = 10.0
INTERRUPTED, BROKE_OFF = 130, 2
PACE_ALONE_S = 0.05
READY_ALONE_AFTER_S = 0.3
WATCH_ALONE_EVERY_S = 0.1

Say = Callable[[str], None]


def run_alone(*, keep: Path | None, relapses: bool, out: Say, words: Say) -> bool:
    """Play the demo without anybody; `out` takes the thread, `words` what is said about it. Whether it healed."""
    folder = Folder.make(keep)
    try:
        world = World(
            folder,
            payments=Payments(pace_s=PACE_ALONE_S, relapses=relapses),
            payment_api=PaymentApi(ready_after_s=READY_ALONE_AFTER_S, relapses=relapses),
            watch_every_s=WATCH_ALONE_EVERY_S,
        )
        return asyncio.run(_alone(world, out=out, words=words))
    finally:
        folder.remove()


async def _alone(world: World, *, out: Say, words: Say) -> bool:
    status = BROKE_OFF
    try:
        await world.start()
        played = await play(world)
        out(played.transcript)
        for act in played.acts:
            words(act.told)
        status = 0 if played.is_healed else 1
    finally:
        try:
            async with asyncio.timeout(STOPS_WITHIN_S):
                await world.stop()
        except TimeoutError:
            words(f"it did not stop within {STOPS_WITHIN_S:g} s, so it was ended")
            leave(world.folder, status=status)
    return played.is_healed


def run_for_somebody(*, port: int, keep: Path | None, relapses: bool, words: Say) -> None:
    """Serve the demo until Ctrl-C."""
    folder = Folder.make(keep)
    ending = Ending(folder)
    ending.listen()
    try:
        world = World(folder, payments=Payments(relapses=relapses), payment_api=PaymentApi(relapses=relapses))
        asyncio.run(_for_somebody(world, ending, port=port, words=words))
    finally:
        folder.remove()
    words("the demo has ended" + (f"; its files are in {folder.path}" if folder.is_kept else ""))


class Ending:
    """Ctrl-C and SIGTERM: the first asks for the end, the second is the end.

    The handlers are the process's own and not the loop's, which takes its own away when it closes: a second Ctrl-C
    counts until the process is gone.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._is_asked = False
        self._asked = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self) -> None:
        """Take both signals from here on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)

    async def wait(self) -> None:
        """Return when the end is asked for."""
        self._loop = asyncio.get_running_loop()
        if not self._is_asked:
            await self._asked.wait()

    def _interrupt(self, _number: int, _frame: object) -> None:
        if self._is_asked:
            leave(self._folder)
        self._is_asked = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._asked.set)


async def _for_somebody(world: World, ending: Ending, *, port: int, words: Say) -> None:
    starting = asyncio.create_task(_start(world, port=port, words=words), name="demo start")
    waiting = asyncio.create_task(ending.wait(), name="demo end")
    try:
        await asyncio.wait((starting, waiting), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            words(welcome(world))
            await waiting
    finally:
        starting.cancel()
        waiting.cancel()
        try:
            async with asyncio.timeout(STOPS_WITHIN_S):
                await asyncio.gather(starting, waiting, return_exceptions=True)
                await world.stop()
        except TimeoutError:
            leave(world.folder)


async def _start(world: World, *, port: int, words: Say) -> None:
    page_port = free_page_port(port)
    if page_port != port:
        words(f"port {port} is taken, so the page is at another one")
    await world.start(page_port=page_port)


def leave(folder: Folder, *, status: int = INTERRUPTED) -> NoReturn:
    """At once: threads and sockets go with the process, the folder has to be taken away before."""
    folder.remove()
    sys.stdout.flush()
    os._exit(status)


def welcome(world: World) -> str:
    """What somebody reads first: where to go, who they are there, what to click."""
    return f"""
  A Slack workspace of your own is open:   {world.slack.page_url}

  You are Alice, on call for payments. Everything is on this machine and really happens:
  a payments service and the host it runs on (reached over SSH), payment-api in a Kubernetes cluster, PagerDuty's
  part, and the bot.

  1. Click “Break payments” at the top. Customers get 500s; PagerDuty pages; the bot answers in #incidents.
  2. Open the thread. It says what it would do next, where, and what comes of it. Click Approve, step by step.
  3. Watch “payments” at the top turn healthy, and the page resolve itself.

  The same in a cluster: “Overload payment-api” asks you to scale it from 3 pods to 5, “Bad deploy” to roll back a
  release that never gets ready; “Look into it” on its card says why. The cluster is a stand-in on this machine, and
  kubectl believes in it, too:
  kubectl --kubeconfig {world.folder.kubeconfig} get pods

  Then try: the menu under a suggestion (switch-provider needs two people: act as Bob), Edit on add-workers after
  “CPU spike”, Reject with a reason, Mira (who may not approve), and /runbook list in any channel.

  From a program or another terminal ({world.bot_url}/api/v1/docs shows the API):
  export RUNBOOKCTL_URL={world.bot_url} RUNBOOKCTL_TOKEN=$(cat {world.folder.api_token})
  runbookctl start add-workers workers=6 --dry-run

  The runbooks are in {world.folder.runbooks}
  Change one and save: within seconds the bot works by it.

  Ctrl-C ends it{"" if world.folder.is_kept else " and leaves nothing behind"}.
"""

"""Commands on the bot's own machine: they see none of its environment and do not outlive it.

Used only where the catalog says so (`allow_local_shell`), and for the child that runs Python actions.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from bot.clients.command import Ending, Output, Ran, local_argv

TERM_GRACE_S = 3.0

# Tokens live in the bot's environment; a command gets what any login would have, and nothing else.
ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/",
}


async def run_local(
    command: str,
    *,
    timeout_s: float,
    stop: asyncio.Event,
    on_text: Callable[[str], None] = lambda _text: None,
    cwd: Path | None = None,
    output_limit_bytes: int = 1024 * 1024,
) -> Ran:
    """Run one command line with /bin/sh and see it end; the same promises as over SSH."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    output = Output(limit_bytes=output_limit_bytes, on_text=on_text)
    process = await asyncio.create_subprocess_exec(
        *local_argv(command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=cwd or Path("/"),
        env=dict(ENVIRONMENT),
        start_new_session=True,
    )
    try:
        ending = await watch_process(process, output, timeout_s=timeout_s, stop=stop)
    finally:
        await end(process)
    code = process.returncode
    if ending == "exited" and code is not None and code < 0:
        ending = "signalled"
    return Ran(
        ending=ending,
        output=output.text(),
        duration_s=loop.time() - began,
        status=code if code is not None and code >= 0 else None,
        signal=signal.Signals(-code).name.removeprefix("SIG") if code is not None and code < 0 else "",
        is_dead=code is not None,
    )


async def watch_process(
    process: asyncio.subprocess.Process, output: Output, *, timeout_s: float, stop: asyncio.Event
) -> Ending:
    """Feed `output` until the process ends; at the deadline or a stop, TERM and then KILL its group."""
    reading = asyncio.create_task(_read(process, output), name="read a command's output")
    ended = asyncio.create_task(process.wait(), name="wait for a command")
    stopped = asyncio.create_task(stop.wait(), name="stop asked")
    try:
        await asyncio.wait({ended, stopped}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ending: Ending = "exited"
        else:
            ending = "stopped" if stopped.done() else "deadline"
            end_group(process, signal.SIGTERM)
            await asyncio.wait({ended}, timeout=TERM_GRACE_S)
            end_group(process, signal.SIGKILL)
            await ended
        # A daemon it left behind may hold the pipe open for ever; what was printed by now is there at once.
        await asyncio.wait({reading}, timeout=0.5)
        return ending
    finally:
        for task in (reading, ended, stopped):
            task.cancel()


def end_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Signal the process and its children, unless the process has been seen to end (its id may be another's)."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


async def end(process: asyncio.subprocess.Process) -> None:
    """KILL what is left of the group, see it gone and let its pipes go; also on the way out of a cancellation.

    A daemon it left behind may hold the pipe open for ever, so the transport is closed, which asyncio offers only here.
    """
    end_group(process, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TERM_GRACE_S):
            await process.wait()
    process._transport.close()  # type: ignore[attr-defined]  # no public way, see above
    await asyncio.sleep(0)


async def _read(process: asyncio.subprocess.Process, output: Output) -> None:
    assert process.stdout is not None
    while chunk := await process.stdout.read(65536):
        output.feed(chunk)

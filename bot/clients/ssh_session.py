"""One running command over SSH: what the far side tells about it, and bringing it to its end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from bot.clients.command import TERM_LINE, Ending, Output

if TYPE_CHECKING:
    import asyncssh

DRAIN_S = 0.5
"""After the exit status, output may still be on its way; silence this long ends the wait."""


class SshSession:
    """What asyncssh tells about one running command; `is_over` when there is nothing more to come."""

    def __init__(self, output: Output, *, grace_s: float) -> None:
        self._output = output
        self._grace_s = grace_s
        self.channel: asyncssh.SSHClientChannel[bytes] | None = None
        self.status: int | None = None
        self.signal = ""
        self.is_over = asyncio.Event()
        self._is_closed = asyncio.Event()
        self._lost_with: Exception | None = None

    @property
    def has_ended(self) -> bool:
        """The far side said how the command ended."""
        return self.status is not None or bool(self.signal)

    # asyncssh's callbacks

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        # Called right before the request to run the command is written: from here on it may have been sent.
        self.channel = chan

    def session_started(self) -> None:
        """Nothing to do: standard input stays open and empty, that is the far side's sign of life."""

    def data_received(self, data: bytes, _datatype: int | None) -> None:
        self._output.feed(data)

    def eof_received(self) -> bool:
        return True

    def pause_writing(self) -> None:
        """Nothing is ever written."""

    def resume_writing(self) -> None:
        """Nothing is ever written."""

    def xon_xoff_requested(self, _client_can_do: bool) -> None:
        """Only terminals ask for it."""

    def exit_status_received(self, status: int) -> None:
        self.status = status
        self.is_over.set()

    def exit_signal_received(self, signal: str, _core_dumped: bool, _msg: str, _lang: str) -> None:
        self.signal = signal
        self.is_over.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost_with = exc
        self.is_over.set()
        self._is_closed.set()

    # what the pool does with it

    def was_refused(self, *, is_connection_closed: bool) -> bool:
        """A clean no to the request, as opposed to a connection that went away under it."""
        return not is_connection_closed and self._lost_with is None

    async def watch(self, timeout_s: float, stop: asyncio.Event) -> Ending:
        """Wait for the end; bring it about when the time is up or `stop` is set."""
        why = await _first(self.is_over, stop, timeout_s)
        if why == "over":
            if not self.has_ended:
                return "lost"
            await self._drain()
            return "signalled" if self.signal else "exited"
        await self._kill()
        return "deadline" if why == "time" else "stopped"

    async def _drain(self) -> None:
        seen = -1
        while seen != self._output.total_bytes:
            seen = self._output.total_bytes
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self._is_closed.wait()
                return

    async def _kill(self) -> None:
        """TERM, then KILL, each both ways: over standard input, and as SSH's signal for a far side of another kind."""
        channel = self.channel
        if channel is None:
            return
        for signal in ("TERM", "KILL"):
            with contextlib.suppress(OSError):
                if signal == "TERM":
                    channel.write(TERM_LINE)
                else:
                    channel.write_eof()
                channel.send_signal(signal)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._grace_s):
                    await self.is_over.wait()
                return

    def abandon(self) -> None:
        """Close the channel; harmless when it is closed already."""
        if self.channel is not None and not self._is_closed.is_set():
            self.channel.abort()


async def _first(over: asyncio.Event, stop: asyncio.Event, timeout_s: float) -> str:
    waits = {
        asyncio.create_task(over.wait(), name="command over"): "over",
        asyncio.create_task(stop.wait(), name="stop asked"): "stop",
    }
    try:
        done, _ = await asyncio.wait(waits, timeout=max(0.0, timeout_s), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()
    if over.is_set():
        return "over"
    return "stop" if done else "time"

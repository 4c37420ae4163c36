"""Who is told that streams moved on: any number of subscribers, none of whom can slow a writer down.

A change is only the name of a stream. Names gather in a set while a subscriber is busy, so what waits for it is
bounded by the number of streams and never by the number of appends; it reads the stream to learn what happened.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterable


class Changes:
    """The fan-out of one journal, within one event loop."""

    def __init__(self) -> None:
        self._subscriptions: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._is_closed = False

    def subscribe(self) -> Subscription:
        """Everything announced from this call on; dropped by itself when nobody holds it any more."""
        subscription = Subscription()
        if self._is_closed:
            subscription.end()
        self._subscriptions.add(subscription)
        return subscription

    def announce(self, streams: Iterable[str]) -> None:
        """Tell every subscriber; returns at once."""
        names = tuple(streams)
        for subscription in tuple(self._subscriptions):
            subscription.add(names)

    def close(self) -> None:
        """Let every subscriber take what waits for it, then end."""
        self._is_closed = True
        for subscription in tuple(self._subscriptions):
            subscription.end()


class Subscription(AsyncIterator[tuple[str, ...]]):
    """Yields the names that gathered since the last time, each once, in the order they first changed."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._stirred = asyncio.Event()
        self._is_ended = False

    def add(self, names: Iterable[str]) -> None:
        """Remember that these moved on."""
        self._names.update(dict.fromkeys(names))
        self._stirred.set()

    def end(self) -> None:
        """No more will come."""
        self._is_ended = True
        self._stirred.set()

    async def __anext__(self) -> tuple[str, ...]:
        while not self._names:
            if self._is_ended:
                raise StopAsyncIteration
            self._stirred.clear()
            await self._stirred.wait()
        names, self._names = tuple(self._names), {}
        return names

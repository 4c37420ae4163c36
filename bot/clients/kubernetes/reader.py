"""What can be read of a cluster. Has no verb that writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from bot.clients.kubernetes.connection import JSON, METADATA_ONLY, Answer, Connection
from bot.errors import ActionFailed, ActionRetry
from bot.runs.plan import JsonObject

Query = Sequence[tuple[str, str]]
State = Mapping[str, JsonObject]
"""The objects of a collection by uid."""

PAGE = "500"
WATCH_S = 30
"""A watch that died without a word is found out this late at the latest: it is asked for anew so often anyway."""
PATIENCE_WITH_OVERLOAD = 4
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
"""Between two watches where the first ended early; one that lasted is followed by the next at once."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A collection as it was read, and the version from which its changes can be followed."""

    items: tuple[JsonObject, ...]
    version: str

    @property
    def state(self) -> dict[str, JsonObject]:
        """By uid."""
        return {one["metadata"]["uid"]: one for one in self.items}


class ClusterReader:
    """Reads objects, lists and changes of one cluster as raw JSON."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def cluster(self) -> str:
        """Its name in the catalog."""
        return self._connection.name

    async def get(self, path: str, *, timeout_s: float | None = None) -> JsonObject | None:
        """One object, or None where there is none (404).

        Raises ActionRetry when it cannot be read now, ActionFailed (effect none) when it may not be read.
        """
        answer = await self._read(path, (), timeout_s)
        return None if answer.status == 404 else answer.body

    async def is_there(self, path: str) -> bool:
        """Whether there is such an object; the server is asked for its metadata alone. Raises like `get`."""
        answer = await self._read(path, (), None, accept=METADATA_ONLY)
        return answer.status != 404

    async def collection(
        self, path: str, query: Query = (), *, timeout_s: float | None = None
    ) -> tuple[JsonObject, ...]:
        """Every object of it, page by page; raises like `get`."""
        return (await self.listed(path, query, timeout_s=timeout_s)).items

    async def listed(self, path: str, query: Query = (), *, timeout_s: float | None = None) -> Listed:
        """The same, with the version to follow it from."""
        found: list[JsonObject] = []
        page: Query = ()
        while True:
            answer = await self._read(path, (*query, ("limit", PAGE), *page), timeout_s)
            items, facts = answer.body.get("items") or [], answer.body.get("metadata")
            if answer.status == 404 or not isinstance(facts, dict) or not isinstance(items, list):
                raise ActionFailed(f"{self.cluster} has no collection {path}: {answer.said}")
            found += items
            if not facts.get("continue"):
                return Listed(items=tuple(found), version=str(facts.get("resourceVersion", "")))
            following = (("continue", str(facts["continue"])),)
            if following == page:
                raise ActionFailed(f"{self.cluster} gives the same page of {path} again and again")
            page = following

    async def log(self, path: str, query: Query, *, limit_bytes: int) -> str:
        """What a container wrote, at most this much of it; bytes that are no text become U+FFFD. Raises like `get`."""
        answer = await self._connection.text(
            path, query=(*query, ("limitBytes", str(limit_bytes))), limit_bytes=limit_bytes
        )
        if isinstance(answer, bytes):
            return answer.decode("utf-8", errors="replace").replace("\x00", "\ufffd")
        raise ActionFailed(f"{self.cluster} gives no log: {answer.said}")

    async def follow(
        self, path: str, query: Query = (), *, since: Listed | None = None
    ) -> AsyncGenerator[State, None]:
        """The collection now (or as it was `since`), and again after every change, for as long as it is iterated.

        Survives cuts, overload and an outdated version by asking again, ever more slowly while it fails.
        Raises only ActionFailed, where reading is refused. Close it with `aclosing`.
        """
        clock = asyncio.get_running_loop().time
        pause_s = FIRST_PAUSE_S
        version, state = (since.version, since.state) if since else ("", {})
        if since:
            yield dict(state)
        while True:
            began = clock()
            try:
                if not version:
                    now = await self.listed(path, query)
                    version, state = now.version, now.state
                    yield dict(state)
                async with aclosing(self._changes(path, query, version)) as changes:
                    async for event in changes:
                        # An ERROR event has no such version, and is read anew like everything that is no event.
                        version = event["object"]["metadata"]["resourceVersion"]
                        if _applied(state, event):
                            yield dict(state)
            except (ActionRetry, KeyError, TypeError):
                version = ""
            if clock() - began > WATCH_S / 2:
                pause_s = FIRST_PAUSE_S
                continue
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _changes(self, path: str, query: Query, version: str) -> AsyncGenerator[JsonObject, None]:
        asked = (
            *query,
            ("watch", "true"),
            ("resourceVersion", version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(WATCH_S)),
        )
        async with self._connection.stream(path, query=asked, idle_s=WATCH_S + 5) as events:
            async for event in events:
                yield event

    async def _read(self, path: str, query: Query, timeout_s: float | None, *, accept: str = JSON) -> Answer:
        for attempt in range(PATIENCE_WITH_OVERLOAD):
            answer = await self._connection.send(
                "GET", path, query=query, accept=accept, is_write=False, timeout_s=timeout_s
            )
            if answer.status != 429:
                break
            if attempt + 1 < PATIENCE_WITH_OVERLOAD:
                await asyncio.sleep(min(answer.retry_after_s or 1.0, LONGEST_PAUSE_S))
        if answer.is_done or answer.status == 404:
            return answer
        if answer.status in (410, 429):
            raise ActionRetry(f"{self.cluster} cannot be read now: {answer.said}")
        hint = "`runbookctl rbac` prints what the bot must be allowed" if answer.status == 403 else ""
        raise ActionFailed(f"{self.cluster} cannot be read: {answer.said}", hint=hint)


def _applied(state: dict[str, JsonObject], event: JsonObject) -> bool:
    """Put one event into the state; False for one that changes nothing (a bookmark)."""
    uid = event["object"]["metadata"].get("uid", "")
    match event["type"]:
        case "ADDED" | "MODIFIED":
            state[uid] = event["object"]
        case "DELETED":
            state.pop(uid, None)
        case _:
            return False
    return True

"""One watch: what changed since a version, then what changes, as lines of JSON until somebody ends it.

A selector makes a watch see its own world: an object that stops matching is DELETED there, one that begins to is
ADDED. Bookmarks tell a quiet watcher how far it has come.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.paths import Call
from bot.sandbox.cluster.refusals import bad_request
from bot.sandbox.cluster.selectors import by_fields, by_labels, number
from bot.sandbox.cluster.tables import table
from bot.sandbox.cluster.verbs import Verbs
from bot.sandbox.cluster.world import Change, Record, World

LONGEST_S = 1_800.0
_INITIAL_END = {"k8s.io/initial-events-end": "true"}


class Watch:
    """Made when the request came, so that nothing is missed; `lines` gives what there is to say."""

    def __init__(
        self,
        call: Call,
        *,
        world: World,
        verbs: Verbs,
        as_table: bool,
        bookmark_every_s: float,
        ended: asyncio.Event,
    ) -> None:
        """Raises Refusal: 400 for a selector that is none, 410 for a version no longer kept."""
        self._call, self._world, self._as_table = call, world, as_table
        self._bookmark_every_s = bookmark_every_s
        self._ended = ended
        self._by_label = by_labels(call.query.get("labelSelector", ""))
        self._by_field = by_fields(call.kind, call.query.get("fieldSelector", ""))
        asked_s = number(call.query, "timeoutSeconds")
        self._longest_s = LONGEST_S if asked_s is None else asked_s
        self._wants_bookmarks = call.query.get("allowWatchBookmarks") in ("true", "1")
        self._changes: asyncio.Queue[Change | None] = asyncio.Queue()
        asked = call.query.get("resourceVersion", "")
        is_listing = call.query.get("sendInitialEvents") in ("true", "1")
        self._first = verbs.chosen(call) if is_listing or asked in ("", "0") else []
        self._says_where_the_list_ends = is_listing
        if self._first or is_listing or asked in ("", "0"):
            missed: list[Change] = []
        elif asked.isdecimal():
            missed = world.since(int(asked))
        else:
            raise bad_request(f"invalid resource version {asked!r}")
        for change in missed:
            self._changes.put_nowait(change)
        self._last = world.version
        self._forget = world.listen(self._changes.put_nowait)

    def close(self) -> None:
        """Listen no more."""
        self._forget()

    async def lines(self) -> AsyncIterator[bytes]:
        """Each event as one line, until `timeoutSeconds` pass or the watch is ended from outside."""
        for record in self._first:
            yield self._line("ADDED", record)
        if self._says_where_the_list_ends:
            yield self._bookmark(_INITIAL_END)
        loop = asyncio.get_running_loop()
        end = loop.time() + self._longest_s
        while (left := end - loop.time()) > 0 and not self._ended.is_set():
            change = await self._next(min(left, self._bookmark_every_s))
            if change is None:
                if self._wants_bookmarks:
                    yield self._bookmark()
                continue
            self._last = change.version
            line = self._seen(change)
            if line is not None:
                yield line

    async def _next(self, timeout_s: float) -> Change | None:
        getting = asyncio.ensure_future(self._changes.get())
        ending = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({getting, ending}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            return getting.result() if getting.done() else None
        finally:
            getting.cancel()
            ending.cancel()

    def _matches(self, record: Record) -> bool:
        return self._by_label(record.body) and self._by_field(record.body)

    def _seen(self, change: Change) -> bytes | None:
        call = self._call
        if change.plural != call.kind.plural or call.namespace not in ("", change.place[0]):
            return None
        matched = change.old is not None and self._matches(change.old)
        if change.type == "DELETED":
            return self._line("DELETED", change.new) if matched else None
        if self._matches(change.new):
            return self._line("MODIFIED" if matched else "ADDED", change.new)
        return self._line("DELETED", change.new) if matched else None

    def _line(self, word: str, record: Record) -> bytes:
        if self._as_table:
            metadata = {"resourceVersion": record.body["metadata"]["resourceVersion"]}
            rows = table(self._call.kind, [record.body], now=self._world.now(), metadata=metadata)
            return _encoded({"type": word, "object": rows})
        return f'{{"type":"{word}","object":{record.text}}}\n'.encode()

    def _bookmark(self, notes: Json | None = None) -> bytes:
        kind = self._call.kind
        # Never further than what was sent: a client goes on from here.
        version = self._world.version if self._changes.empty() else self._last
        metadata: Json = {"resourceVersion": str(version)}
        if notes:
            metadata["annotations"] = notes
        if self._as_table:
            marked = {"kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata}
            rows = {**table(kind, [], now=0, metadata=metadata), "rows": [{"cells": [], "object": marked}]}
            return _encoded({"type": "BOOKMARK", "object": rows})
        body = {"kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata}
        return _encoded({"type": "BOOKMARK", "object": body})


def _encoded(event: Json) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"

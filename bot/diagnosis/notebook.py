"""What a collection has so far: the items it kept, what could not be read and why, what is being read now.

Everything comes in through here, so this is where it is cleaned, checked for the shape of its kind and redacted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bot.diagnosis import keeping
from bot.diagnosis.evidence import Evidence, Gap, Item, Subject
from bot.diagnosis.shape import is_shaped
from bot.errors import BotError
from bot.runs.plan import JsonObject
from bot.telemetry import Redactor

_SHORT = 200
"""Texts up to this length are redacted once: the pods of a workload hold the same thousands of words each."""


@dataclass(kw_only=True)
class Notebook:
    """Filled while reading goes on; `evidence` may be taken at any moment."""

    subject: Subject
    redactor: Redactor
    taken_at: datetime
    read: set[str] = field(default_factory=set)
    """Kinds of which all was read."""
    asked: dict[str, None] = field(default_factory=dict)
    """What is being read now."""
    _items: list[Item] = field(default_factory=list)
    _events: list[Item] = field(default_factory=list)
    """Chosen from only at the end: which of them concern the workload is not known before its pods are."""
    _gaps: dict[Gap, None] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)

    def evidence(self) -> Evidence:
        """As far as it came."""
        names = {self.subject.name, *keeping.names_of(self._items)}
        return Evidence(
            subject=self.subject,
            taken_at=self.taken_at,
            items=(*self._items, *keeping.events_that_concern(self._events, names)),
            gaps=tuple(self._gaps),
            read=frozenset(self.read),
        )

    async def answer(self, what: str, reading: Awaitable[Any]) -> Any:
        """What the reading gives; None, and a gap, where it cannot be read."""
        self.asked[what] = None
        try:
            answer = await reading
        except BotError as problem:
            self.gap(what, problem.message)
            answer = None
        self.asked.pop(what, None)
        return answer

    def gap(self, what: str, why: str) -> None:
        """This could not be read."""
        self._gaps[Gap(what=self._redacted(what), why=self._redacted(why))] = None

    def has_gap(self, what: str) -> bool:
        """Whether this could not be read."""
        return any(gap.what == what for gap in self._gaps)

    def keep(self, kind: str, path: str, body: JsonObject) -> bool:
        """Put an object among the items; False, and a gap, where it has not the shape of its kind."""
        if not is_shaped(kind, body):
            self.gap(f"{kind.lower()} at {path}", "what came has no shape of such")
            return False
        said_at = keeping.said_at(body) if kind == "Event" else ""
        at = said_at or self.taken_at.isoformat()
        item_id = f"{kind.lower()}/{body['metadata']['name']}"
        self.add(Item(id=item_id, kind=kind, source=f"GET {path}", at=at, body=body))
        return True

    def write(self, kind: str, item_id: str, path: str, text: str) -> None:
        """Put a text among them."""
        at = self.taken_at.isoformat()
        self.add(Item(id=item_id, kind=kind, source=f"GET {path}", at=at, text=text))

    def add(self, item: Item) -> None:
        """Put any item among them."""
        body, text = self._tree(keeping.cleaned(item.body)), self._redacted(item.text)
        kept = replace(
            item, id=self._redacted(item.id), source=self._redacted(item.source), body=body, text=text
        )
        (self._events if item.kind == "Event" else self._items).append(kept)

    def of(self, kind: str) -> Iterator[Item]:
        """Those of one kind, without events."""
        return (one for one in self._items if one.kind == kind)

    def _tree(self, value: Any) -> Any:
        """What the redactor makes of every text in it."""
        if isinstance(value, str):
            return self._redacted(value)
        if isinstance(value, dict):
            return {self._redacted(key): self._tree(one) for key, one in value.items()}
        return [self._tree(one) for one in value] if isinstance(value, list) else value

    def _redacted(self, text: str) -> str:
        if len(text) > _SHORT:
            return self.redactor.redact(text)[0]
        if text not in self._known:
            self._known[text] = self.redactor.redact(text)[0]
        return self._known[text]

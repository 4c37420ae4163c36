"""Events as the text that is stored, and back: canonical JSON under a name and version given by hand.

Encoding walks the dataclasses in one pass of the C encoder; decoding is strict, so a stored event either comes
back as exactly the value it was or is refused with a sentence. Every event is decoded once before it is written:
what could not be read back later is never stored.

The tables of names come from the rooms that own the events and are handed in; this module knows none of them.
A stored name and version stays readable for ever. When a field must change its meaning, the owner's table gets
the new version and `UPGRADES` a function that turns the old JSON into the next version's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot.errors import BadInput, UnreadableEvent
from bot.runs.events import Event

EventTable = Mapping[tuple[str, int], type[Event]]
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

UPGRADES: Mapping[tuple[str, int], Upgrade] = {}
"""(name, old version) → what makes its JSON that of version + 1. Entries are only ever added."""


@dataclass(frozen=True, kw_only=True)
class EventText:
    """One event as text; `at` is repeated beside the body so that it can be read without decoding."""

    name: str
    v: int
    at: str
    body: str


class Codec:
    """Events ↔ text, for the tables it is given; safe to share between threads."""

    def __init__(
        self, tables: Sequence[EventTable], *, upgrades: Mapping[tuple[str, int], Upgrade] = UPGRADES
    ) -> None:
        self._adapters: dict[tuple[str, int], TypeAdapter[Event]] = {}
        self._names: dict[type[Event], tuple[str, int]] = {}
        self._upgrades = dict(upgrades)
        for table in tables:
            for (name, v), kind in table.items():
                self._enter(name, v, kind)
        for name, v in self._upgrades:
            if (name, v + 1) not in self._adapters and (name, v + 1) not in self._upgrades:
                raise ValueError(
                    f"the upgrade of {name!r} version {v} leads to version {v + 1}, which nothing reads"
                )

    def _enter(self, name: str, v: int, kind: type[Event]) -> None:
        if (name, v) in self._adapters:
            raise ValueError(f"two events are stored as {name!r} version {v}")
        if kind in self._names:
            raise ValueError(
                f"{kind.__name__} is stored under two names: {self._names[kind]!r} and {(name, v)!r}"
            )
        self._adapters[name, v] = TypeAdapter(kind)
        self._names[kind] = (name, v)

    @property
    def kinds(self) -> Mapping[type[Event], tuple[str, int]]:
        """Every event class this codec writes, with its stored name and version."""
        return dict(self._names)

    def encode(self, event: Event) -> tuple[EventText, Event]:
        """The text to store, and the event as every reader will see it (times in UTC, JSON values as JSON).

        Raises `BadInput` for a value that JSON or UTF-8 has no place for (NaN, half of a surrogate pair, a time
        without zone) or that this codec would not read back.
        """
        known = self._names.get(type(event))
        if known is None:
            raise TypeError(f"{type(event).__name__} is in no event table and cannot be stored")
        name, v = known
        try:
            body = _encoded(event)
            body.encode()
            seen = self._adapters[known].validate_json(body, strict=True)
        except (ValueError, TypeError, RecursionError) as error:
            raise BadInput(
                f"the event {name!r} holds a value that cannot be stored: {_reason(error)}",
                hint="give plain JSON values, whole Unicode text and times with a zone",
            ) from error
        return EventText(name=name, v=v, at=stamp(event.at), body=body), seen

    def decode(self, text: EventText) -> Event:
        """The event behind stored text, upgraded where its version is old; `UnreadableEvent` says what is wrong."""
        adapter = self._adapters.get((text.name, text.v))
        try:
            if adapter is not None:
                return adapter.validate_json(text.body, strict=True)
            adapter, body = self._upgraded(text)
            return adapter.validate_json(body, strict=True)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise UnreadableEvent(
                f"the stored body of a {text.name!r} event, version {text.v}, does not fit: {_reason(error)}",
                hint="check the journal with `runbookctl audit verify`; if it is untouched, report this version's name",
            ) from error

    def _upgraded(self, text: EventText) -> tuple[TypeAdapter[Event], str]:
        v, tree = text.v, None
        while (text.name, v) not in self._adapters:
            upgrade = self._upgrades.get((text.name, v))
            if upgrade is None:
                raise UnreadableEvent(
                    f"the journal holds an event {text.name!r} in version {text.v}, which this program does not know",
                    hint="a newer runbook-bot wrote it: run that version or a later one",
                )
            tree = upgrade(json.loads(text.body) if tree is None else tree)
            v += 1
        return self._adapters[text.name, v], _encoded(tree)


def stamp(at: datetime) -> str:
    """A time as stored: UTC, microseconds, always equally long, so that text order is time order."""
    if at.tzinfo is None:
        raise ValueError(f"the time {at.isoformat()} has no zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def moment(text: str) -> datetime:
    """The time behind a stamp."""
    return datetime.fromisoformat(text)


def _plain(value: object) -> object:
    """What the encoder does not know by itself: our dataclasses and times."""
    if isinstance(value, datetime):
        return stamp(value)
    if hasattr(value, "__dataclass_fields__"):
        return value.__dict__
    raise TypeError(f"a {type(value).__name__} is no JSON value")


_encoded = json.JSONEncoder(
    default=_plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def _reason(error: Exception) -> str:
    """The first thing wrong, without echoing the value."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    if isinstance(error, UnicodeEncodeError):
        return "text with half of a surrogate pair"
    return str(error)

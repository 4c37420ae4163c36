"""The record of every Web API call the sandbox received, for assertions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.sandbox.protocol import Json

KEPT = 20_000


@dataclass(kw_only=True, slots=True)
class Call:
    """One call: `args` as they came, never the token; `error` is Slack's word, empty when it went well."""

    method: str
    args: Json
    at: float
    error: str = ""
    answer: Json = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """Slack did it."""
        return not self.error


class CallLog:
    """The last calls, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT)

    def add(self, call: Call) -> None:
        """Remember it."""
        self._calls.append(call)

    def of(self, method: str) -> list[Call]:
        """The calls of one method."""
        return [call for call in self._calls if call.method == method]

    def clear(self) -> None:
        """Forget all."""
        self._calls.clear()

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

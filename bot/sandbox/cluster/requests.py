"""The record of every request for an object, to compare request by request and to hold a rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

KEPT = 100_000
_READS = ("get", "list", "watch")


@dataclass(kw_only=True, slots=True)
class Request:
    """One request: `at` is monotonic seconds, `code` is 0 while unanswered and where the answer never left."""

    verb: str
    resource: str
    namespace: str
    name: str
    query: Mapping[str, str]
    at: float
    body: Any = None
    media: str = ""
    agent: str = ""
    code: int = 0

    @property
    def is_write(self) -> bool:
        """It would change something."""
        return self.verb not in _READS and not self.resource.startswith("selfsubject")

    @property
    def line(self) -> str:
        """Verb, resource and place, to read in a failed comparison: `patch deployments/scale payments/api`."""
        place = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {self.resource} {place}".strip()


@dataclass
class RequestLog:
    """The last requests, oldest first. Discovery is not in it."""

    _kept: deque[Request] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, request: Request) -> None:
        """Remember it."""
        self._kept.append(request)

    def of(self, verb: str = "*", resource: str = "*") -> list[Request]:
        """Those of one verb and one resource; `*` is any."""
        return [one for one in self._kept if verb in ("*", one.verb) and resource in ("*", one.resource)]

    def writes(self) -> list[Request]:
        """Those that would change something."""
        return [one for one in self._kept if one.is_write]

    def most_within(self, window_s: float = 1.0) -> int:
        """The greatest number of requests that came within any stretch of this length."""
        window: deque[float] = deque()
        most = 0
        for request in self._kept:
            window.append(request.at)
            while request.at - window[0] >= window_s:
                window.popleft()
            most = max(most, len(window))
        return most

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def __iter__(self) -> Iterator[Request]:
        return iter(tuple(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

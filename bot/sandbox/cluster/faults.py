"""What goes wrong on purpose, once or a few times, at the requests that match: by verb and resource, `*` is any.

Every fault is either before the effect (the request never reached the world) or after it (`is_done=True`: the world
changed, the answer was lost or spoilt). A client cannot see which; that is the point.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

FaultKind = Literal["status", "silence", "cut", "garbage", "proxy_page"]


@dataclass(kw_only=True)
class Fault:
    """One thing to go wrong: `skip` requests that match are let through first, then `times` meet it."""

    kind: FaultKind
    verb: str = "*"
    resource: str = "*"
    name: str = "*"
    is_done: bool = False
    times: int = 1
    skip: int = 0
    code: int = 500
    reason: str = "InternalError"
    message: str = ""
    retry_after_s: int = 0

    def meets(self, *, verb: str, resource: str, name: str) -> bool:
        """It matches, and is not used up."""
        return (
            self.times > 0
            and self.verb in ("*", verb)
            and self.resource in ("*", resource)
            and self.name in ("*", name)
        )


_WORDS: dict[int, tuple[str, str]] = {
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", "forbidden by the test"),
    404: ("NotFound", "not found, says the test"),
    409: (
        "Conflict",
        "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest "
        "version and try again",
    ),
    422: ("Invalid", "invalid, says the test"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    500: ("InternalError", "Internal error occurred: etcdserver: leader changed"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "the server was unable to return a response in the time allotted"),
}


@dataclass
class Faults:
    """Set by tests, used up by requests in the order they were set."""

    latency_s: float = 0.0
    """What every request waits before it is looked at."""
    gate: asyncio.Event | None = None
    """What every request waits for besides, where there is one: nothing is answered before a test says so."""
    _next: list[Fault] = field(default_factory=list)

    def status(
        self,
        verb: str = "*",
        resource: str = "*",
        *,
        code: int = 500,
        message: str = "",
        retry_after_s: int = 0,
        is_done: bool = False,
        times: int = 1,
        skip: int = 0,
        name: str = "*",
    ) -> None:
        """An HTTP error with the Status body a server gives with this code; 429 and 503 may carry Retry-After."""
        reason, words = _WORDS.get(code, ("Unknown", f"status {code}, says the test"))
        self.add(
            Fault(
                kind="status",
                verb=verb,
                resource=resource,
                code=code,
                reason=reason,
                message=message or words,
                retry_after_s=retry_after_s,
                is_done=is_done,
                times=times,
                skip=skip,
                name=name,
            )
        )

    def conflict(self, verb: str = "*", resource: str = "*", *, times: int = 1, skip: int = 0) -> None:
        """409 without effect: somebody else was faster."""
        self.status(verb, resource, code=409, times=times, skip=skip)

    def silence(
        self, verb: str = "*", resource: str = "*", *, is_done: bool = False, times: int = 1, skip: int = 0
    ) -> None:
        """No answer at all, until the client gives up."""
        self._plain("silence", verb, resource, is_done=is_done, times=times, skip=skip)

    def cut(
        self, verb: str = "*", resource: str = "*", *, is_done: bool = False, times: int = 1, skip: int = 0
    ) -> None:
        """The connection ends without an answer; a watch that `is_done` ends after its first event."""
        self._plain("cut", verb, resource, is_done=is_done, times=times, skip=skip)

    def garbage(
        self, verb: str = "*", resource: str = "*", *, is_done: bool = False, times: int = 1, skip: int = 0
    ) -> None:
        """200, said to be JSON, and torn off in the middle."""
        self._plain("garbage", verb, resource, is_done=is_done, times=times, skip=skip)

    def proxy_page(
        self,
        verb: str = "*",
        resource: str = "*",
        *,
        code: int = 200,
        is_done: bool = False,
        times: int = 1,
        skip: int = 0,
    ) -> None:
        """An HTML page of something in between, by default with the code of success."""
        self.add(
            Fault(
                kind="proxy_page",
                verb=verb,
                resource=resource,
                code=code,
                is_done=is_done,
                times=times,
                skip=skip,
            )
        )

    def add(self, fault: Fault) -> None:
        """Any fault, as data: for tests that walk through all of them."""
        self._next.append(fault)

    def clear(self) -> None:
        """All is well again, and fast; whoever waits at the gate goes through."""
        self._next.clear()
        if self.gate is not None:
            self.gate.set()
            self.gate = None
        self.latency_s = 0.0

    @property
    def is_spent(self) -> bool:
        """Everything that was set has happened."""
        return not any(fault.times for fault in self._next)

    def take(self, *, verb: str, resource: str, name: str) -> Fault | None:
        """The fault this request meets."""
        for fault in self._next:
            if not fault.meets(verb=verb, resource=resource, name=name):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            return fault
        return None

    def _plain(
        self, kind: FaultKind, verb: str, resource: str, *, is_done: bool, times: int, skip: int
    ) -> None:
        self.add(Fault(kind=kind, verb=verb, resource=resource, is_done=is_done, times=times, skip=skip))

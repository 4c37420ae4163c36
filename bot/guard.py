"""For actions written in Python: marks that hold a function back until people have agreed to it.

    from bot.guard import allowed_envs, require_confirmation, shell

    @require_confirmation(message="Clear the session cache?", timeout=600)
    @allowed_envs(["staging"])
    def clear_cache(pattern: str) -> str:
        return shell(["redis-cli", "DEL", pattern])

Such a function runs only inside an approved run, and only in an environment it names; called anywhere else, it
raises `NotPermitted` before its first line. The approval is a context variable: it reaches coroutines and
`asyncio.to_thread`, and not a bare `threading.Thread`, where a marked function is refused like anywhere else.

The marks guard against mistakes, not against malice: an action in Python is the catalog's own reviewed code and
runs with the rights of the bot's user. That is why such actions are off unless catalog.yaml turns them on.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from bot.errors import BotError, NotPermitted

__all__ = ["CommandFailed", "allowed_envs", "require_confirmation", "shell"]

Function = TypeVar("Function", bound=Callable[..., Any])


class CommandFailed(BotError):
    """A command that `shell` ran did not end with status 0; `output` is what it printed."""

    code = "command-failed"

    def __init__(self, message: str, *, output: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.output = output
        self.status = status


class RunCommand(Protocol):
    """How `shell` reaches the step's host."""

    def __call__(self, command: str) -> str:
        """Run it there and answer with its output; raises CommandFailed."""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """What an approved run lends to the function it calls."""

    environment: str
    run_command: RunCommand


_approval: ContextVar[Approval | None] = ContextVar("approval", default=None)


@contextlib.contextmanager
def approved(approval: Approval) -> Iterator[None]:
    """Let marked functions run inside this block. For the python action only."""
    token = _approval.set(approval)
    try:
        yield
    finally:
        _approval.reset(token)


def require_confirmation(message: str = "", timeout: float | None = None) -> Callable[[Function], Function]:
    """Hold the function back until its step was approved. `message` is shown to those who decide, `timeout` is
    how long they have, in seconds (the shorter of this and the step's own holds)."""
    if timeout is not None and timeout <= 0:
        raise ValueError("timeout is in seconds and above zero")

    def mark(function: Function) -> Function:
        return _held_back(function, lambda: _current(function))

    _ = message  # Read from the source by whoever shows it: a function is never imported to be looked at.
    return mark


def allowed_envs(environments: Sequence[str]) -> Callable[[Function], Function]:
    """Hold the function back outside these environments."""
    if isinstance(environments, str) or not environments:
        raise ValueError('allowed_envs takes a list of environments: ["staging"]')
    allowed = tuple(environments)

    def mark(function: Function) -> Function:
        def check() -> None:
            environment = _current(function).environment
            if environment not in allowed:
                raise NotPermitted(
                    f"{function.__name__} may run in {', '.join(allowed)}, not in {environment or 'no environment'}"
                )

        return _held_back(function, check)

    return mark


def shell(command: str | Sequence[str]) -> str:
    """Run a command where the step says (its host, or this machine where the catalog allows that), and give its
    output. A list is quoted word by word; a text goes to the shell as it is. CommandFailed unless it ends with 0."""
    approval = _approval.get()
    if approval is None:
        raise NotPermitted("shell runs only inside an approved run")
    return approval.run_command(command if isinstance(command, str) else shlex.join(command))


def _current(function: Callable[..., Any]) -> Approval:
    approval = _approval.get()
    if approval is None:
        raise NotPermitted(
            f"{function.__name__} runs only inside an approved run",
            hint="start it as a step of a runbook; it cannot be called directly",
        )
    return approval


def _held_back(function: Function, check: Callable[[], object]) -> Function:
    """`function` behind `check`, sync or async as it was. For coroutines the check runs when they are awaited."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*args: Any, **kwargs: Any) -> Any:
            check()
            return await function(*args, **kwargs)

        return cast(Function, later)

    @functools.wraps(function)
    def now(*args: Any, **kwargs: Any) -> Any:
        check()
        return function(*args, **kwargs)

    return cast(Function, now)

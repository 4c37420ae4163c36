"""Many hosts in batches: how many at a time, when to stop, and one honest outcome for all of them.

A batch is started together (never more than `AT_ONCE` hosts at once) and seen to its end before the next one begins.
Between batches, and before each single host, the same question is asked: may another host be touched?

    a human stopped the step, or its time is up     no: what was never touched is listed
    more hosts failed than `max_failures`           no; what runs in this batch is let finish, not cut off half-way
    what happened on some host is not known         no, whatever `max_failures` says: nobody knows what it would repeat

The verdict is the worst that is true of any host: unknown on one is unknown for the step. A host that could not be
reached failed with no effect: it was touched by nothing. Knows no SSH: what "one host" means is an argument.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from bot.actions.base import OUTPUT_LIMIT_BYTES, Effect, Outcome, Target, Verdict
from bot.clients.command import whole_head, whole_tail
from bot.errors import ActionError, ActionFailed, ActionRetry, ActionUnknown

if TYPE_CHECKING:
    from bot.telemetry import RedactedLines, Redactor

AT_ONCE = 20
"""Hosts worked on at the same time, however large a batch is: as many as the pool has connections."""

NAMED = 20
"""Hosts a sentence names; all of them stand in the output."""

HELD_BYTES = 16 * OUTPUT_LIMIT_BYTES
"""Of the output of all hosts together that is held while they run."""


@cache
def _shapes() -> Redactor:
    """Made by the first run: who only lints needs no logging library."""
    from bot.telemetry import Redactor  # noqa: PLC0415

    return Redactor()


@dataclass(frozen=True, kw_only=True)
class OnHost:
    """What came of the command on one host."""

    host: str
    verdict: Verdict
    effect: Effect
    text: str
    output: str = ""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How many hosts at a time, and how many may fail before no further one is touched."""

    batch: int = 1
    max_failures: int = 0


def batch_size(batch: int | str | None, hosts: int) -> int:
    """Hosts per batch: a number as it is, a part of all rounded down, never less than one; one where nothing is said.

    Rounded down because a batch is a limit on how much can break at once.
    """
    if batch is None:
        return 1
    if isinstance(batch, str):
        return max(1, math.floor(hosts * int(batch.removesuffix("%")) / 100))
    return max(1, min(batch, hosts))


def output_limit(hosts: int) -> int:
    """Bytes of output held for each of that many hosts while they run."""
    return min(OUTPUT_LIMIT_BYTES, HELD_BYTES // max(1, hosts))


async def in_batches(
    targets: Sequence[Target],
    run: Callable[[Target], Awaitable[OnHost]],
    *,
    pace: Pace,
    note: Callable[[str], None],
    is_over: Callable[[], bool] = lambda: False,
) -> dict[str, OnHost]:
    """`run` on the targets, batch after batch, as long as another one may be touched; what came of those that were.

    Where a lone host was tried and nothing was sent to it, its error is raised as it is: `ActionRetry` stays one.
    """
    results: dict[str, OnHost] = {}
    errors: list[ActionError] = []
    room = asyncio.Semaphore(AT_ONCE)

    async def one(target: Target) -> None:
        async with room:
            if is_over() or not _bears_more(results.values(), pace):
                return
            try:
                results[target.name] = await run(target)
            except ActionError as error:
                errors.append(error)
                results[target.name] = _not_done(target, error)
            if len(targets) > 1:
                note(state_of(results.values(), of=len(targets)))

    for start in range(0, len(targets), pace.batch):
        async with asyncio.TaskGroup() as group:
            for target in targets[start : start + pace.batch]:
                group.create_task(one(target), name=f"step on {target.name}")
    if not results:
        raise ActionFailed("the step was over before its first host; nothing was sent", effect="none")
    if len(results) == 1 and errors:
        raise _with_the_rest(errors[0], targets, results)
    return results


def _bears_more(ended: Collection[OnHost], pace: Pace) -> bool:
    failed = [one.verdict for one in ended if one.verdict != "succeeded"]
    return "unknown" not in failed and len(failed) <= pace.max_failures


def _not_done(target: Target, error: ActionError) -> OnHost:
    text = error.message
    match error:
        case ActionRetry():
            return OnHost(host=target.name, verdict="failed", effect="none", text=text)
        case ActionFailed():
            return OnHost(
                host=target.name,
                verdict="failed",
                effect=error.effect,  # type: ignore[arg-type]  # the error tree does not import the core's words
                text=text,
                output=error.output,
            )
        case ActionUnknown():
            return OnHost(
                host=target.name, verdict="unknown", effect="unknown", text=text, output=error.output
            )
        case _:
            raise error


def _with_the_rest(
    error: ActionError, targets: Sequence[Target], results: Mapping[str, OnHost]
) -> ActionError:
    rest = [target.name for target in targets if target.name not in results]
    if rest:
        error.message = f"{error.message}; not touched: {named(rest)}"
    return error


def state_of(results: Collection[OnHost], *, of: int) -> str:
    """`7 of 50 hosts, 1 failed`."""
    failed = sum(one.verdict != "succeeded" for one in results)
    return f"{len(results)} of {of} hosts" + (f", {failed} failed" if failed else "")


def named(hosts: Sequence[str]) -> str:
    """The names, as many as a sentence bears."""
    if len(hosts) <= NAMED:
        return ", ".join(hosts)
    return f"{', '.join(hosts[:NAMED])} and {len(hosts) - NAMED} more"


# ---------------------------------------------------------------- one outcome


def summed(targets: Sequence[Target], results: Mapping[str, OnHost], *, max_failures: int) -> Outcome:
    """One outcome for all hosts: the worst verdict decides, every effect counts, nobody is left out of the words."""
    ended = [results[target.name] for target in targets if target.name in results]
    untouched = [target.name for target in targets if target.name not in results]
    touched = [one.key for one in targets if one.name in results and results[one.name].effect != "none"]
    failed = [one for one in ended if one.verdict == "failed"]
    unknown = [one for one in ended if one.verdict == "unknown"]
    verdict: Verdict = "succeeded"
    if unknown:
        verdict = "unknown"
    elif len(failed) > max_failures or untouched:
        verdict = "failed"
    effect = _effect(ended, is_whole=not untouched)
    if len(targets) == 1:
        return Outcome(verdict=verdict, effect=effect, summary=ended[0].text, output=ended[0].output)
    return Outcome(
        verdict=verdict,
        effect=effect,
        summary=_summary(ended, failed, unknown, untouched, verdict=verdict),
        output=_output(ended, untouched),
        undo_fill={"touched": touched},
    )


def _effect(ended: Sequence[OnHost], *, is_whole: bool) -> Effect:
    effects = {one.effect for one in ended}
    if any(one.verdict == "unknown" for one in ended):
        return "unknown"
    if effects == {"applied"}:
        return "applied" if is_whole else "partial"
    if len(effects) == 1:
        return ended[0].effect
    return "unknown" if "unknown" in effects and effects <= {"unknown", "none"} else "partial"


def _summary(
    ended: Sequence[OnHost],
    failed: Sequence[OnHost],
    unknown: Sequence[OnHost],
    untouched: Sequence[str],
    *,
    verdict: Verdict,
) -> str:
    total = len(ended) + len(untouched)
    done = len(ended) - len(failed) - len(unknown)
    counted = f"{total} hosts done" if done == total else f"{done} of {total} hosts done"
    broken = [*unknown, *failed]
    said = [_said(one) for one in broken[:NAMED]]
    if len(broken) > NAMED:
        said.append(f"{len(broken) - NAMED} more that failed are in the output")
    if verdict == "succeeded":
        allowed = f", {len(failed)} failed, as many as are allowed" if failed else ""
        return "; ".join([counted + allowed, *said])
    left = [f"not touched: {named(untouched)}"] if untouched else []
    return "; ".join([*said, counted, *left])


def _said(one: OnHost) -> str:
    return one.text if one.text.startswith(one.host) else f"{one.host}: {one.text}"


def _output(ended: Sequence[OnHost], untouched: Sequence[str]) -> str:
    """What each host printed under its name, those that did not succeed last: the end is what is always shown."""
    ordered = sorted(ended, key=lambda one: one.verdict != "succeeded")
    heads = [f"── {_said(one)}\n" for one in ordered]
    tail = f"── not touched: {', '.join(untouched)}\n" if untouched else ""
    spent = sum(len(head.encode()) for head in heads) + len(tail.encode())
    sizes = [len(one.output.encode()) for one in ordered]
    share = fair_share(sizes, total=max(0, OUTPUT_LIMIT_BYTES - spent))
    pieces = (
        head + _with_newline(_capped(one.output, share)) for head, one in zip(heads, ordered, strict=True)
    )
    return "".join(pieces) + tail


def fair_share(sizes: Sequence[int], *, total: int) -> int:
    """The most that each may have so that all together fit into `total`: whoever says little leaves room to others."""
    share, left, count = total, total, len(sizes)
    for size in sorted(sizes):
        share = left // count
        if size > share:
            return share
        left, count = left - size, count - 1
    return max([share, *sizes])


def _with_newline(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _capped(text: str, limit: int) -> str:
    data = text.encode()
    if len(data) <= limit:
        return text
    half = limit // 2
    head, tail = whole_head(data[:half]), whole_tail(data[len(data) - half :])
    mark = f"\n… ({len(data) - len(head) - len(tail)} bytes cut here) …\n"
    return head.decode(errors="ignore") + mark + tail.decode(errors="ignore")


# ---------------------------------------------------------------- streaming


class HostLines:
    """The output of one host among several: whole lines under its name.

    Lines of several hosts are mixed, and nobody could find a private key in that any more: so what has the shape of a
    secret is taken out of each host's own stream before. Values known to be secret are taken out by the receiver.
    """

    def __init__(self, host: str, write: Callable[[str], None]) -> None:
        self._host = host
        self._write = write
        self._lines: RedactedLines = _shapes().lines()

    def feed(self, text: str) -> None:
        """Add output as it comes."""
        self._say(self._lines.feed(text))

    def finish(self) -> None:
        """Say what was still held back: a last line without an end."""
        self._say(self._lines.finish())

    def _say(self, text: str) -> None:
        if text:
            self._write("".join(f"{self._host}: {line}\n" for line in text.splitlines()))

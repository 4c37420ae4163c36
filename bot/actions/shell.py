"""The `shell` step: one command line on one host or several, over SSH; on this machine only where that is allowed.

What came of a command is judged by how it ended, never by its words (`expect` does that afterwards):

    exit status 0              succeeded, applied
    another status, a signal   failed, partial: it ran, and may have changed something before it gave up
    its deadline, a stop       failed, unknown: it is dead, how far it came nobody saw
    no status at all           unknown: the connection went away under it
    never sent                 failed, none; `ActionRetry` where trying again is safe

Several hosts are `fleet`'s matter: batches, when to stop, one outcome. With `confirm_after_first_batch` the first
batch is a proposal of its own; when it has succeeded the others are proposed, to be approved once more. The undo of
such a step is one: the catalog's rollback, frozen with the first part, on the hosts that were touched in any of them.

`read_only: true` is the author's word that the command only looks; then there is no effect to undo.
State is not observable: nothing can be compared before and after a command. The host's address is guarded,
so that a catalog which moves `web-1` elsewhere makes a new proposal.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from bot.actions.base import (
    OUTPUT_LIMIT_BYTES,
    ActionInput,
    Effect,
    InputModel,
    Outcome,
    Plan,
    PlanScope,
    Progress,
    Seen,
    Target,
    Undo,
    Verdict,
)
from bot.actions.fleet import HostLines, OnHost, Pace, batch_size, in_batches, output_limit, summed
from bot.actions.hosts import LOCAL, local_target, resolve_hosts, ssh_host
from bot.actions.tools import Tools
from bot.catalog.schema import Host
from bot.catalog.templating import Place
from bot.clients.command import Ran
from bot.clients.local import run_local
from bot.errors import ActionFailed, BadInput, Refused
from bot.runs.plan import JsonObject

FEW_HOSTS = 6
"""Hosts a headline names."""

SHORT_COMMAND = 80
"""Characters of a command that may stand in a headline; longer ones are shown where there is room."""


def _batch(value: Any) -> Any:
    """A number from 1 on, also written as text (a placeholder alone is filled with text), or a percentage."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    text = str(value) if is_number or isinstance(value, str) else ""
    if not re.fullmatch(r"[1-9][0-9]{0,5}|(?:100|[1-9][0-9]?)%", text):
        raise PydanticCustomError(
            "batch", "a number of hosts from 1 on, or a part of them like 25%, is expected here"
        )
    return text if text.endswith("%") else int(text)


class ShellInput(ActionInput):
    """One command line, and where it runs."""

    command: Annotated[str, Place.SHELL, Field(min_length=1, max_length=32_768)] = Field(
        description="A POSIX shell command line; placeholders are whole words, already quoted"
    )
    host: str | None = Field(
        default=None, description="A host of catalog.yaml; else the service's, else the default host"
    )
    hosts: tuple[str, ...] | str | None = Field(
        default=None,
        description="Several hosts or host groups; one after the other unless batch says more",
    )
    batch: Annotated[int | str, BeforeValidator(_batch)] | None = Field(
        default=None, description="Hosts worked on at a time: a number, or a part of all like 25%; else 1"
    )
    max_failures: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Hosts that may fail before no further one is touched"
    )
    confirm_after_first_batch: bool = Field(
        default=False, description="The first batch is approved alone; the rest is proposed when it is done"
    )
    read_only: bool = Field(
        default=False, description="The author's word that this only looks and changes nothing"
    )

    @model_validator(mode="after")
    def _one_way_to_name_hosts(self) -> Self:
        if self.host is not None and self.hosts is not None:
            raise ValueError("say host or hosts, not both")
        if self.hosts is not None and not self.hosts:
            raise ValueError("hosts names no host")
        if "\x00" in self.command:
            raise ValueError("a command cannot hold a NUL character")
        return self


class ShellAction:
    """Runs a command where the catalog's targets are."""

    type: ClassVar[str] = "shell"
    Input: ClassVar[InputModel] = ShellInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        """Names the hosts and the exact line for each; nothing is connected."""
        names = [given.host] if given.host is not None else given.hosts
        share = _share(given, resolve_hosts(names, scope.catalog, scope.service), scope)
        hosts = share.hosts
        if hosts:
            targets = tuple(
                Target(kind="host", name=host.name, environment=host.environment) for host in hosts
            )
            where = {host.name: ssh_host(host).where for host in hosts}
        else:
            targets = (local_target(scope.catalog, "this command"),)
            where = {LOCAL: LOCAL}
        place = _places(targets) if hosts else "the bot's own machine"
        pace = share.pace
        return Plan(
            type=self.type,
            input={
                "command": given.command,
                "hosts": [target.name for target in targets],
                "read_only": given.read_only,
                **({"batch": pace.batch} if pace.batch > 1 else {}),
                **({"max_failures": pace.max_failures} if pace.max_failures else {}),
            },
            targets=targets,
            text=f"run {_short(given.command)} on {place}",
            will_run=tuple(f"{target.name}: {given.command}" for target in targets),
            shown={
                "where": ", ".join(f"{name} ({at})" if at != name else name for name, at in where.items()),
                **({"pace": _pace_words(pace)} if pace != Pace() else {}),
            },
            guarded={"where": where},
            observable=False,
            changes=not given.read_only,
            undo=Undo(
                kind="none",
                text="it only reads" if given.read_only else "the catalog declares none for this command",
            ),
            risk=scope.risk or ("low" if given.read_only else "medium"),
            timeout_s=scope.timeout_s,
            more=share.more,
            part=share.part,
            per_target="hosts" if hosts else "",
        )

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:
        """Runs it on the hosts, batch after batch, all within the step's time; see `fleet` for when that stops."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + plan.timeout_s
        is_fleet = len(plan.targets) > 1

        async def run(target: Target) -> OnHost:
            lines = HostLines(target.name, progress.write)
            write = lines.feed if is_fleet else progress.write
            try:
                ran = await self._run(plan, target, progress, max(0.001, ends_at - loop.time()), write=write)
            finally:
                lines.finish()
            return judge(target.name, ran, is_read_only=not plan.changes)

        given = ShellInput.model_validate(plan.input)
        results = await in_batches(
            plan.targets,
            run,
            pace=_pace(given, len(plan.targets)),
            note=progress.note,
            is_over=lambda: progress.stop.is_set() or loop.time() >= ends_at,
        )
        return summed(plan.targets, results, max_failures=given.max_failures)

    async def dry_run(self, plan: Plan) -> Outcome:
        """Logs in on every host and starts nothing."""

        async def reach(target: Target) -> OnHost:
            if target.kind == "host":
                await self._tools.ssh().reach(self._ssh_host(target))
            text = f"would run {plan.input['command']!r}"
            return OnHost(host=target.name, verdict="succeeded", effect="none", text=text)

        count = len(plan.targets)
        results = await in_batches(
            plan.targets, reach, pace=Pace(batch=count, max_failures=count), note=lambda _state: None
        )
        return replace(summed(plan.targets, results, max_failures=0), undo_fill={})

    async def probe(self, plan: Plan) -> Seen:
        """A command leaves nothing to look at."""
        places = ", ".join(target.name for target in plan.targets)
        return Seen(
            text=f"nothing can be read from here: look on {places} whether the command did its work",
            observable=False,
        )

    async def _run(
        self,
        plan: Plan,
        target: Target,
        progress: Progress,
        timeout_s: float,
        *,
        write: Callable[[str], None],
    ) -> Ran:
        command = str(plan.input["command"])
        if target.kind == "host":
            host = self._ssh_host(target)
            return await self._tools.ssh().run(
                host,
                command,
                timeout_s=timeout_s,
                stop=progress.stop,
                on_text=write,
                output_limit_bytes=output_limit(len(plan.targets)),
            )
        try:
            local_target(self._tools.catalog(), "this command")
        except Refused as error:
            raise ActionFailed(error.message, effect="none", hint=error.hint) from error
        return await run_local(
            command,
            timeout_s=timeout_s,
            stop=progress.stop,
            on_text=write,
            output_limit_bytes=OUTPUT_LIMIT_BYTES,
        )

    def _ssh_host(self, target: Target) -> Any:
        """From the catalog of today: a host that was taken out since is not reached any more."""
        host = self._tools.catalog().hosts.get(target.name)
        if host is None or host.environment != target.environment:
            raise ActionFailed(
                f"{target.name} is not a host of {target.environment} in the catalog any more; nothing was sent"
            )
        return ssh_host(host)


@dataclass(frozen=True, kw_only=True)
class _Share:
    """The hosts that one proposal is for, how fast it goes, and what it leaves."""

    hosts: Sequence[Host]
    pace: Pace
    more: JsonObject = field(default_factory=dict)
    part: str = ""


def _share(given: ShellInput, hosts: Sequence[Host], scope: PlanScope) -> _Share:
    """All hosts; or with `confirm_after_first_batch` the first batch, and the others once that has succeeded.

    The first batch is there to find out, so in it no host may fail. The others are those that are not done by the
    catalog of now: a host that joined the group meanwhile is among them, and stands on the card.
    """
    pace = _pace(given, len(hosts))
    if not given.confirm_after_first_batch or not scope.in_parts:
        return _Share(hosts=hosts, pace=pace)
    done = scope.after.get("done")
    if done is None:
        first, rest = hosts[: pace.batch], hosts[pace.batch :]
        if not rest:
            return _Share(hosts=hosts, pace=pace)
        part = f"part 1 of 2: the first {len(first)} of {len(hosts)} hosts"
        more = {"done": [host.name for host in first]}
        return _Share(hosts=first, pace=Pace(batch=pace.batch), more=more, part=part)
    rest = [host for host in hosts if host.name not in done]
    if not rest:
        raise BadInput("no host is left after the first batch: the catalog changed since it ran")
    part = f"part 2 of 2: the other {len(rest)} of {len(hosts)} hosts"
    return _Share(hosts=rest, pace=replace(pace, batch=min(pace.batch, len(rest))), part=part)


def _pace(given: ShellInput, hosts: int) -> Pace:
    return Pace(batch=batch_size(given.batch, hosts), max_failures=given.max_failures)


def _pace_words(pace: Pace) -> str:
    """`5 hosts at a time; stops when more than 2 failed`."""
    at_a_time = "one host after the other" if pace.batch == 1 else f"{pace.batch} hosts at a time"
    if pace.max_failures == 0:
        return f"{at_a_time}; stops when one fails"
    return f"{at_a_time}; stops when more than {pace.max_failures} failed"


def _places(targets: Sequence[Target]) -> str:
    """The names, or how many there are and how they begin: all of them stand below, with what each would run."""
    if len(targets) <= FEW_HOSTS:
        return ", ".join(target.name for target in targets)
    return f"{len(targets)} hosts ({', '.join(target.name for target in targets[:3])}, …)"


def _short(command: str) -> str:
    """The command itself where it fits into a sentence."""
    line = command.strip()
    return line if len(line) <= SHORT_COMMAND and line.isprintable() else "a command"


def judge(host: str, ran: Ran, *, is_read_only: bool) -> OnHost:
    """The one table from how a command ended to what it means."""
    took = f"after {ran.duration_s:.1f} s"
    verdict: Verdict
    effect: Effect
    match ran.ending:
        case "exited" if ran.status == 0:
            verdict, effect, text = "succeeded", "applied", f"exit status 0 {took}"
        case "exited":
            meaning = {126: " (not executable)", 127: " (command not found)"}.get(ran.status or 0, "")
            verdict, effect, text = "failed", "partial", f"exit status {ran.status}{meaning} {took}"
        case "signalled":
            verdict, effect, text = "failed", "partial", f"ended by signal {ran.signal} {took}"
        case "deadline" | "stopped" if ran.is_dead:
            by = "its deadline" if ran.ending == "deadline" else "request"
            verdict, effect, text = "failed", "unknown", f"ended by {by} {took}; how far it came is not known"
        case "deadline" | "stopped":
            verdict, effect = "unknown", "unknown"
            text = f"told to end {took}, and nothing confirms that it did"
        case _:
            verdict, effect = "unknown", "unknown"
            text = f"the connection was lost {took} while it ran"
    if is_read_only and verdict != "unknown":
        effect = "none"
    return OnHost(host=host, verdict=verdict, effect=effect, text=text, output=ran.output)

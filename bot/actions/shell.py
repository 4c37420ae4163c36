"""The `shell` step: one command line on one host or several, over SSH; on this machine only where that is allowed.

What came of a command is judged by how it ended, never by its words (`expect` does that afterwards):

    exit status 0              succeeded, applied
    another status, a signal   failed, partial: it ran, and may have changed something before it gave up
    its deadline, a stop       failed, unknown: it is dead, how far it came nobody saw
    no status at all           unknown: the connection went away under it
    never sent                 failed, none; `ActionRetry` where trying again is safe

`read_only: true` is the author's word that the command only looks; then there is no effect to undo.
State is not observable: nothing can be compared before and after a command. The host's address is guarded,
so that a catalog which moves `web-1` elsewhere makes a new proposal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

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
from bot.actions.hosts import LOCAL, local_target, resolve_hosts, ssh_host
from bot.actions.tools import Tools
from bot.catalog.templating import Place
from bot.clients.command import Ran, whole_head, whole_tail
from bot.clients.local import run_local
from bot.errors import ActionError, ActionFailed, ActionRetry, Refused

SHORT_COMMAND = 80
"""Characters of a command that may stand in a headline; longer ones are shown where there is room."""


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
        description="Several hosts or host groups, one after the other; the first that fails stops",
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


@dataclass(frozen=True, kw_only=True)
class OnHost:
    """What came of the command on one host."""

    host: str
    verdict: Verdict
    effect: Effect
    text: str
    output: str = ""


class ShellAction:
    """Runs a command where the catalog's targets are."""

    type: ClassVar[str] = "shell"
    Input: ClassVar[InputModel] = ShellInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        """Names the hosts and the exact line for each; nothing is connected."""
        names = [given.host] if given.host is not None else given.hosts
        hosts = resolve_hosts(names, scope.catalog, scope.service)
        if hosts:
            targets = tuple(
                Target(kind="host", name=host.name, environment=host.environment) for host in hosts
            )
            where = {host.name: ssh_host(host).where for host in hosts}
        else:
            targets = (local_target(scope.catalog, "this command"),)
            where = {LOCAL: LOCAL}
        place = ", ".join(target.name for target in targets) if hosts else "the bot's own machine"
        return Plan(
            type=self.type,
            input={
                "command": given.command,
                "hosts": [target.name for target in targets],
                "read_only": given.read_only,
            },
            targets=targets,
            text=f"run {_short(given.command)} on {place}",
            will_run=tuple(f"{target.name}: {given.command}" for target in targets),
            shown={
                "where": ", ".join(f"{name} ({at})" if at != name else name for name, at in where.items())
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
        )

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:
        """Runs it on each host in turn, all within the step's time, and stops at the first that does not succeed."""

        loop = asyncio.get_running_loop()
        ends_at = loop.time() + plan.timeout_s

        async def run(target: Target) -> OnHost:
            left_s = ends_at - loop.time()
            if left_s <= 0 or progress.stop.is_set():
                raise ActionFailed("the step was over before this host's turn; nothing was sent")
            if len(plan.targets) > 1:
                progress.note(f"on {target.name} ({plan.targets.index(target) + 1} of {len(plan.targets)})")
            return judge(
                target.name, await self._run(plan, target, progress, left_s), is_read_only=not plan.changes
            )

        return await one_after_the_other(plan.targets, run)

    async def dry_run(self, plan: Plan) -> Outcome:
        """Logs in on each host and starts nothing."""

        async def reach(target: Target) -> OnHost:
            if target.kind == "host":
                await self._tools.ssh().reach(self._ssh_host(target))
            text = f"would run {plan.input['command']!r}"
            return OnHost(host=target.name, verdict="succeeded", effect="none", text=text)

        return await one_after_the_other(plan.targets, reach)

    async def probe(self, plan: Plan) -> Seen:
        """A command leaves nothing to look at."""
        places = ", ".join(target.name for target in plan.targets)
        return Seen(
            text=f"nothing can be read from here: look on {places} whether the command did its work",
            observable=False,
        )

    async def _run(self, plan: Plan, target: Target, progress: Progress, timeout_s: float) -> Ran:
        command = str(plan.input["command"])
        if target.kind == "host":
            host = self._ssh_host(target)
            return await self._tools.ssh().run(
                host, command, timeout_s=timeout_s, stop=progress.stop, on_text=progress.write
            )
        try:
            local_target(self._tools.catalog(), "this command")
        except Refused as error:
            raise ActionFailed(error.message, effect="none", hint=error.hint) from error
        return await run_local(
            command,
            timeout_s=timeout_s,
            stop=progress.stop,
            on_text=progress.write,
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


async def one_after_the_other(
    targets: Sequence[Target], run: Callable[[Target], Awaitable[OnHost]]
) -> Outcome:
    """`run` on each target until one does not succeed; an error before anything happened is raised as it is."""
    results: list[OnHost] = []
    for target in targets:
        try:
            result = await run(target)
        except (ActionRetry, ActionFailed) as error:
            if not results:
                _name_the_rest(error, targets)
                raise
            result = OnHost(host=target.name, verdict="failed", effect="none", text=str(error))
        results.append(result)
        if result.verdict != "succeeded":
            break
    return summed(targets, results)


def _name_the_rest(error: ActionError, targets: Sequence[Target]) -> None:
    if len(targets) > 1:
        rest = ", ".join(target.name for target in targets[1:])
        error.message = f"{error.message}; not touched: {rest}"


def summed(targets: Sequence[Target], results: Sequence[OnHost]) -> Outcome:
    """One outcome for several hosts: the last verdict decides, every effect counts."""
    last = results[-1]
    effects = {result.effect for result in results}
    if last.verdict == "unknown":
        effect: Effect = "unknown"
    elif len(effects) == 1:
        effect = last.effect
    else:
        effect = "unknown" if "unknown" in effects and effects <= {"unknown", "none"} else "partial"
    if len(targets) == 1:
        return Outcome(verdict=last.verdict, effect=effect, summary=last.text, output=last.output)
    untouched = [target.name for target in targets[len(results) :]]
    summary = f"{len(results)} hosts done" if last.verdict == "succeeded" else f"{last.host}: {last.text}"
    if untouched:
        summary += f"; not touched: {', '.join(untouched)}"
    output = "".join(f"── {result.host}: {result.text}\n{_with_newline(result.output)}" for result in results)
    return Outcome(verdict=last.verdict, effect=effect, summary=summary, output=_capped(output))


def _with_newline(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _capped(text: str) -> str:
    data = text.encode()
    if len(data) <= OUTPUT_LIMIT_BYTES:
        return text
    half = OUTPUT_LIMIT_BYTES // 2
    head, tail = whole_head(data[:half]), whole_tail(data[-half:])
    mark = f"\n… ({len(data) - len(head) - len(tail)} bytes cut here) …\n"
    return head.decode(errors="ignore") + mark + tail.decode(errors="ignore")

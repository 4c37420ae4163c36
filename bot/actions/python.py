"""The `python` step: one marked function of `runbooks/actions/*.py`, in a child interpreter that can be ended.

Off unless catalog.yaml says `python_actions: true`. To plan, the source is parsed and never run; its digest is
guarded, and the very text that was hashed is what the child gets. The function's `shell` comes back here and
runs on the step's host by the same rules as a shell step.

    it returned                      succeeded, applied
    it raised                        failed, partial; none when its module could not even be loaded
    its deadline, a stop             failed, unknown: the process group is dead
    a command of its was lost        unknown, whatever the function made of it
    it vanished without an answer    failed, unknown

What it printed, the commands it ran with their output, and the value it returned are the output, in that order
of happening.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, JsonValue

import bot
from bot.actions.base import (
    OUTPUT_LIMIT_BYTES,
    ActionInput,
    InputModel,
    Outcome,
    Plan,
    PlanScope,
    Progress,
    Seen,
    Target,
    Undo,
)
from bot.actions.hosts import LOCAL, local_target, resolve_hosts, ssh_host
from bot.actions.python_source import Marked, Sources, digests, discover, read_sources
from bot.actions.tools import Tools
from bot.catalog.schema import Catalog
from bot.catalog.templating import Place
from bot.clients.command import Ending, Output, Ran
from bot.clients.local import ENVIRONMENT, end, run_local, watch_process
from bot.errors import ActionError, ActionFailed, BadInput, NotPermitted, Refused

MESSAGE_LIMIT_BYTES = 4 * 1024 * 1024
"""One line between parent and child; a command's output of 1 MiB fits, escaped."""


class PythonInput(ActionInput):
    """One function of `runbooks/actions/*.py`, called with these arguments."""

    function: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$")] = Field(
        description="`file.function`: `cache.clear` is `clear` in runbooks/actions/cache.py"
    )
    arguments: Annotated[dict[str, JsonValue], Place.JSON] = Field(
        default_factory=dict, description="Keyword arguments"
    )
    host: str | None = Field(
        default=None,
        description="Where the function's `shell` runs; else the service's, else the default host",
    )


@dataclass(eq=False)
class _Call:
    """One call in flight: what its commands did, and how to end them."""

    target: Target
    ends_at: float
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    lost: str = ""
    """Set when nobody knows how one of its commands ended."""
    cut_short: Ending | None = None
    """Set when a command was ended by the deadline or a stop, which then decides, whatever the function made of it."""
    done: dict[str, Any] | None = None


class PythonAction:
    """Calls reviewed Python, held to the same promises as every other step."""

    type: ClassVar[str] = "python"
    Input: ClassVar[InputModel] = PythonInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        """Reads the source, checks marks and arguments; runs none of it."""
        module, _, name = given.function.partition(".")
        sources = read_sources(_folder(scope.catalog), module)
        marked = _find(sources[module], module, name)
        marked.check_arguments(given.arguments)
        target = _target(given.host, scope)
        if marked.environments is not None and target.environment not in marked.environments:
            raise NotPermitted(
                f"{given.function} may run in {', '.join(marked.environments)}, and {target.name} is in "
                f"{target.environment or 'no environment'}"
            )
        called = (
            f"{given.function}({', '.join(f'{key}={value!r}' for key, value in given.arguments.items())})"
        )
        return Plan(
            type=self.type,
            input={
                "function": given.function,
                "arguments": dict(given.arguments),
                "host": target.name,
            },
            targets=(target,),
            text=marked.message or f"call {given.function} for {target.name}",
            will_run=(f"{target.name}: {called}",),
            shown={"source": f"actions/{module}.py, line {marked.line}"},
            guarded={"sources": digests(sources)},
            observable=False,
            undo=Undo(text="what a function did cannot be known, so not undone"),
            risk=scope.risk or "medium",
            timeout_s=scope.timeout_s,
            decide_within_s=marked.decide_within_s,
        )

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:
        """Calls it once, in a child that ends with the deadline, a stop, or this process."""
        sources = self._unchanged(plan)
        loop = asyncio.get_running_loop()
        call = _Call(target=plan.targets[0], ends_at=loop.time() + plan.timeout_s)
        output = Output(limit_bytes=OUTPUT_LIMIT_BYTES, on_text=progress.write)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-u",
                "-m",
                "bot.actions.python_child",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=Path("/"),
                env={**ENVIRONMENT, "PYTHONPATH": str(Path(bot.__file__).parent.parent)},
                start_new_session=True,
            )
            theirs.close()
            ours.setblocking(False)
            serving = asyncio.create_task(
                self._serve(ours, plan, sources, call, output), name="serve a python action"
            )
            try:
                ending = await watch_process(process, output, timeout_s=plan.timeout_s, stop=progress.stop)
                call.stop.set()
                # Its last message may still be in the socket, and a command of its may still be being ended.
                await asyncio.wait({serving}, timeout=10)
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
                await end(process)
        return _outcome(call, ending, process.returncode, output)

    async def dry_run(self, plan: Plan) -> Outcome:
        """Checks that the source is the one that was planned, and that the host answers; calls nothing."""
        self._unchanged(plan)
        if plan.targets[0].kind == "host":
            await self._tools.ssh().reach(ssh_host(self._tools.catalog().hosts[plan.targets[0].name]))
        return Outcome(
            verdict="succeeded", effect="none", summary=f"would call {plan.will_run[0]}; nothing ran"
        )

    async def probe(self, plan: Plan) -> Seen:
        """A function leaves nothing to look at."""
        return Seen(
            text=f"nothing can be read from here: look on {plan.targets[0].name} whether "
            f"{plan.input['function']} did its work",
            observable=False,
        )

    def _unchanged(self, plan: Plan) -> Sources:
        """The sources of the plan; ActionFailed where the files are not what was approved any more."""
        module = str(plan.input["function"]).partition(".")[0]
        try:
            sources = read_sources(_folder(self._tools.catalog()), module)
        except Refused as error:
            raise ActionFailed(f"{error.message}; nothing ran", hint=error.hint) from error
        if digests(sources) != plan.guarded["sources"]:
            raise ActionFailed(
                f"the source of {plan.input['function']} is not the one that was approved; nothing ran",
                hint="propose the step again",
            )
        return sources

    # ------------------------------------------------------------ the child's requests

    async def _serve(
        self, ours: socket.socket, plan: Plan, sources: Sources, call: _Call, output: Output
    ) -> None:
        reader, writer = await asyncio.open_connection(sock=ours, limit=MESSAGE_LIMIT_BYTES)
        module, _, function = str(plan.input["function"]).partition(".")
        request = {
            "module": module,
            "function": function,
            "arguments": plan.input["arguments"],
            "environment": call.target.environment,
            "sources": dict(sources),
            "folder": str(_folder(self._tools.catalog())),
        }
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            with contextlib.suppress(ConnectionError, ValueError):
                while line := await reader.readline():
                    message = json.loads(line)
                    if "done" in message:
                        call.done = message["done"]
                        return
                    answer = await self._run(str(message["run"]), call, output)
                    writer.write(json.dumps(answer).encode() + b"\n")
        finally:
            writer.close()

    async def _run(self, command: str, call: _Call, output: Output) -> dict[str, Any]:
        """One command of the function's, on the step's target; answers with what the child is told."""
        output.feed(f"[{call.target.name}] $ {command}\n".encode())
        try:
            ran = await self._command(command, call, output)
        except (ActionError, Refused) as error:
            return {"error": str(error), "output": ""}
        text = ran.output
        if ran.ending in ("deadline", "stopped"):
            call.cut_short = ran.ending
        if ran.ending == "lost" or not ran.is_dead:
            call.lost = f"nobody knows how {command!r} on {call.target.name} ended"
            return {"error": call.lost, "output": text}
        if ran.status != 0:
            how = (
                f"exit status {ran.status}" if ran.status is not None else f"signal {ran.signal or 'unknown'}"
            )
            return {"error": f"{command!r} ended with {how}", "output": text, "status": ran.status}
        return {"output": text, "status": 0}

    async def _command(self, command: str, call: _Call, output: Output) -> Ran:
        timeout_s = call.ends_at - asyncio.get_running_loop().time()
        catalog = self._tools.catalog()

        def on_text(text: str) -> None:
            output.feed(text.encode())

        if call.target.kind != "host":
            local_target(catalog, "this function's shell")
            return await run_local(command, timeout_s=timeout_s, stop=call.stop, on_text=on_text)
        host = catalog.hosts.get(call.target.name)
        if host is None or host.environment != call.target.environment:
            raise NotPermitted(f"{call.target.name} is not a host of {call.target.environment} any more")
        return await self._tools.ssh().run(
            ssh_host(host), command, timeout_s=timeout_s, stop=call.stop, on_text=on_text
        )


def _folder(catalog: Catalog) -> Path:
    if not catalog.python_actions:
        raise NotPermitted(
            "actions in Python are off", hint="set python_actions: true in catalog.yaml to allow them"
        )
    return Path(catalog.root) / "actions"


def _find(source: str, module: str, name: str) -> Marked:
    found = discover(source)
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise BadInput(
            f"{module}.py has no function {name} marked with @require_confirmation",
            hint=f"marked there: {known}",
        )
    if found[name].problems:
        raise BadInput(f"{module}.{name} cannot be a step: {'; '.join(found[name].problems)}")
    return found[name]


def _target(host: str | None, scope: PlanScope) -> Target:
    hosts = resolve_hosts(host, scope.catalog, scope.service)
    if len(hosts) > 1:
        raise BadInput(f"{host!r} is a group of hosts; a python step works on one")
    if hosts:
        return Target(kind="host", name=hosts[0].name, environment=hosts[0].environment)
    if not scope.catalog.local_environment:
        raise NotPermitted(
            "this function names no host, and the bot's own machine belongs to no environment",
            hint="name a host, or set local_environment in catalog.yaml",
        )
    return Target(kind="local", name=LOCAL, environment=scope.catalog.local_environment)


def _outcome(call: _Call, ending: Ending, code: int | None, output: Output) -> Outcome:
    done = call.done
    if done is not None and (extra := done.get("value") or done.get("traceback")):
        output.feed(str(extra).encode())
    text = output.text()
    if call.lost:
        return Outcome(verdict="unknown", effect="unknown", summary=call.lost, output=text)
    if done is None or call.cut_short:
        ending = call.cut_short or ending
        by: dict[Ending, str] = {"deadline": "ended by its deadline", "stopped": "ended by request"}
        how = by.get(ending, f"it ended without an answer (status {code})")
        return Outcome(
            verdict="failed", effect="unknown", summary=f"{how}; how far it came is not known", output=text
        )
    if done["ok"]:
        return Outcome(verdict="succeeded", effect="applied", summary="it returned", output=text)
    if done["stage"] == "load":
        summary = f"its module cannot be loaded: {done['error']}"
        return Outcome(verdict="failed", effect="none", summary=summary, output=text)
    return Outcome(verdict="failed", effect="partial", summary=f"it raised {done['error']}", output=text)

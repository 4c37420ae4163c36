"""Performs what was typed after `/runbook`: one question or one act, answered to whoever typed it, alone.

Reading changes nothing and asks no approval, but it tells of incidents and people of the whole workspace; so whoever
may never decide (a guest, a member of another workspace) is not told either, except how the command is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.catalog.schedule import next_tick
from bot.engine.operations import Operations
from bot.engine.simulation.story import simulate
from bot.engine.starting import Start
from bot.errors import BadInput, NotFound, NotPermitted
from bot.intake.trust import LOOK_BACK
from bot.journal.base import NumbersQuery, RunRow
from bot.runs.policy import Caller
from bot.slack import commands, ids, text
from bot.slack.answering import Answers
from bot.slack.commands import Command
from bot.slack.directory import SlackDirectory
from bot.slack.gateway import Gateway
from bot.slack.interactions import Where
from bot.slack.mentions import services_of
from bot.slack.modals import Modals
from bot.slack.views import answers as said
from bot.slack.views.entitled import who_answer
from bot.slack.views.foretold import foretold
from bot.slack.views.numbers import numbers_answer
from bot.slack.views.showing import LAST_RUNS, show_answer

HISTORY_LINES = 15


class Commands:
    """What each verb does."""

    def __init__(
        self,
        *,
        operations: Operations,
        directory: SlackDirectory,
        gateway: Gateway,
        answers: Answers,
        modals: Modals,
    ) -> None:
        self._operations = operations
        self._directory = directory
        self._gateway = gateway
        self._answers = answers
        self._modals = modals
        self._simulating = asyncio.Lock()

    async def perform(self, where: Where, typed: str) -> None:
        """Read it and do it; raises `Refused` with what would have fitted."""
        names = [one.name for one in self._operations.runbooks()]
        command = commands.parse(typed, runbooks=names)
        match command.verb:
            case "help":
                await self._answers.tell(where, commands.HELP)
            case "start":
                await self._start(where, command)
            case "cancel":
                await self._cancel(where, command)
            case "diagnose":
                await self._diagnose(where, command.service)
            case _:
                caller = await self._directory.caller_of(where.user)
                if caller.barred:
                    raise NotPermitted(f"this is not shown to you: {caller.barred}")
                await self._answers.tell(where, await self._read(where, command, caller))

    async def _read(self, where: Where, command: Command, caller: Caller) -> str:
        match command.verb:
            case "list":
                return said.list_answer(self._operations.runbooks())
            case "show":
                return await self._show(command.runbook, caller)
            case "status":
                rows = await self._operations.status()
                return said.status_answer(rows, await self._links(rows))
            case "history":
                return await self._history(command.service)
            case "stats":
                return await self._stats(command.service)
            case "simulate":
                return await self._simulate(command)
            case "who":
                return await self._who(where, command.service, caller)
            case _:
                raise BadInput(f"`/runbook {command.verb}` answers nothing")

    async def _links(self, rows: Sequence[RunRow]) -> said.Links:
        found = await self._operations.threads(rows[: said.MOST_LISTED])
        return {incident_id: row.permalink for incident_id, row in found.items() if row.permalink}

    async def _diagnose(self, where: Where, service: str) -> None:
        caller = await self._directory.caller_of(where.user)
        name = self._operations.entitlement.service_named(service).name
        asked = await self._operations.diagnosing.ask_about(name, caller, channel=where.channel)
        await self._answers.tell(where, said.looking_answer(asked.subject, asked.incident))

    # ------------------------------------------------------------ reading

    async def _show(self, name: str, caller: Caller) -> str:
        runbook = self._operations.runbook(name)
        answer = await self._operations.entitlement.of_runbook(runbook, caller)
        rows = await self._operations.history(runbook=runbook.name, limit=LAST_RUNS)
        schedule = runbook.trigger.schedule
        next_at = next_tick(schedule, after=self._operations.clock.now()) if schedule else None
        return show_answer(runbook, answer, rows, await self._links(rows), next_at=next_at)

    async def _history(self, service: str) -> str:
        name = self._operations.entitlement.service_named(service).name if service else ""
        rows = await self._operations.history(service=name, limit=HISTORY_LINES + 1)
        shown = rows[:HISTORY_LINES]
        links = await self._links(shown)
        return said.history_answer(shown, links, service=name, is_all=len(rows) <= HISTORY_LINES)

    async def _stats(self, service: str) -> str:
        name = self._operations.entitlement.service_named(service).name if service else ""
        records = self._operations.records
        found = await records.statistics(NumbersQuery(service=name))
        classes = await records.trust(since=self._operations.clock.now() - LOOK_BACK, service=name)
        return numbers_answer(found, service=name, classes=classes)

    async def _simulate(self, command: Command) -> str:
        # One at a time: each is a whole engine for a moment.
        async with self._simulating:
            played = await simulate(
                self._operations.catalog(),
                command.service,
                command.symptom,
                environment=command.environment,
                fail_at=command.fail_at,
            )
        return foretold(played, service=command.service, symptom=command.symptom)

    async def _who(self, where: Where, service: str, caller: Caller) -> str:
        entitlement = self._operations.entitlement
        if service:
            named = entitlement.service_named(service)
            answer = await entitlement.of_services([named], caller)
            return who_answer(answer, here=f"for {text.code(named.name, 80)}")
        services = await services_of(where.channel, self._operations, self._gateway)
        if not services:
            names = text.listed(
                [text.code(one, 60) for one in sorted(entitlement.catalog().services)], most=20
            )
            return "No service of the catalog has its channel here. " + (
                f"`/runbook who SERVICE` tells of one: {names}." if names else "There is no service in it."
            )
        answer = await entitlement.of_services(services, caller)
        return who_answer(answer, here=f"for the services of {text.mention(where.channel)}")

    # ------------------------------------------------------------ acting

    async def _start(self, where: Where, command: Command) -> None:
        if self._needs_form(command):
            ref = ids.StartRef(
                channel=where.channel,
                runbook=command.runbook,
                service=command.service,
                environment=command.environment,
                dry_run=command.dry_run,
            )
            await self._modals.open_start(where, ref, values=command.given)
            return
        caller = await self._directory.caller_of(where.user)
        start = Start(
            channel=where.channel,
            given=dict(command.given),
            environment=command.environment,
            service=command.service,
            dry_run=command.dry_run,
        )
        await self._operations.start(command.runbook, caller, start)

    def _needs_form(self, command: Command) -> bool:
        """Nothing was named, or something the runbook must know was left out: ask instead of refusing.

        What is named and not there is refused, not dropped: a form would open without it.
        """
        if not command.runbook:
            return True
        asks = self._operations.start_form(command.runbook)
        if command.environment and command.environment not in asks.environments:
            return False
        return asks.missing(command.given, service=command.service)

    async def _cancel(self, where: Where, command: Command) -> None:
        rows = await self._operations.status()
        if command.run:
            chosen = [row for row in rows if row.run_id.startswith(command.run)]
            if not chosen:
                raise NotFound(
                    f"no open run has an id that begins with {command.run[:40]!r}",
                    hint="`/runbook status` shows what is open",
                )
        else:
            threads = await self._operations.threads(rows)
            here = {one.incident_id for one in threads.values() if one.channel == where.channel}
            chosen = [row for row in rows if row.incident_id in here]
        if not chosen:
            elsewhere = (
                f" {text.count(len(rows), 'run is', 'runs are')} open elsewhere: see `/runbook status`."
            )
            elsewhere = elsewhere if rows else ""
            await self._answers.tell(where, f"No run is open in this channel.{elsewhere}")
            return
        await self._modals.open_cancel(where, chosen)

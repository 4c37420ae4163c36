"""What each button, menu, command and shortcut does: ack, parse, resolve the actor, one call to the engine.

Nothing is decided here. A click carries ids and a digest; the engine reads everything again and authorises it again.
Whoever is refused is told why, alone, where they clicked; what was decided shows in the thread for everybody.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.engine.operations import Operations
from bot.errors import BadInput
from bot.runs.events import RunId, StepKey
from bot.runs.policy import Caller
from bot.slack import ids
from bot.slack.answering import Answers
from bot.slack.commanding import Commands
from bot.slack.commands import COMMAND
from bot.slack.directory import SlackDirectory
from bot.slack.errands import Errands
from bot.slack.interactions import Click, Payload, Where, click_of, thread_of, where_of, where_of_command
from bot.slack.mentions import Mentions
from bot.slack.modals import Modals
from bot.slack.views.rehearsal import rehearsal

Act = Callable[[Click, Caller], Awaitable[None]]


class Listeners:
    """Registers everything people can use, and performs it."""

    def __init__(
        self,
        *,
        operations: Operations,
        directory: SlackDirectory,
        answers: Answers,
        modals: Modals,
        commands: Commands,
        mentions: Mentions,
        errands: Errands,
    ) -> None:
        self._operations = operations
        self._directory = directory
        self._answers = answers
        self._modals = modals
        self._commands = commands
        self._mentions = mentions
        self._errands = errands

    def register(self, app: AsyncApp) -> None:
        """Hook into Bolt. What no listener knows is an old or foreign button, and says so."""
        for action_id, act in self._decisions().items():
            app.action(action_id)(self._on_click(act))
        app.action(ids.REJECT)(self._on_form(self._modals.open_reject))
        app.action(ids.OVERRIDE)(self._on_form(self._modals.open_override))
        app.action(ids.EDIT)(self._on_form(self._modals.open_edit))
        app.action(ids.DRY_RUN)(self._on_form(self._rehearse))
        app.action(ids.CHOOSE)(self._on_form(self._chosen))
        app.action(ids.PROPOSE)(self._on_form(self._mentions.propose))
        app.action(ids.DIAGNOSIS_WRONG)(self._on_form(self._modals.open_wrong))
        app.view(ids.WRONG_FORM)(_on_view(self._modals.was_wrong))
        app.view(ids.REJECT_FORM)(_on_view(self._modals.rejected))
        app.view(ids.OVERRIDE_FORM)(_on_view(self._modals.overridden))
        app.view(ids.EDIT_FORM)(_on_view(self._modals.edited))
        app.view(ids.START_FORM)(_on_view(self._modals.started))
        app.view(ids.CANCEL_FORM)(_on_view(self._modals.cancelled))
        app.command(COMMAND)(self._on_command())
        app.shortcut(ids.START_SHORTCUT)(self._on_shortcut())
        app.action(re.compile(""))(self._on_click(_too_old))
        app.view(re.compile(""))(_on_view(_close))

    # ------------------------------------------------------------ what clicks do

    def _decisions(self) -> dict[str, Act]:
        acts: dict[str, Act] = {
            ids.APPROVE: self._approve,
            ids.SKIP: self._skip,
            ids.CANCEL: self._cancel,
            ids.UNDO: self._undo,
            ids.UNDO_ONE: self._undo_one,
            ids.EXPORT: self._export,
            ids.DIAGNOSIS_ASK: self._ask_diagnosis,
            ids.DIAGNOSIS_RIGHT: self._was_right,
            ids.DIAGNOSIS_PROPOSE: self._propose_diagnosed,
        }
        acts |= dict.fromkeys(ids.SETTLE, self._settle)
        acts |= dict.fromkeys(ids.SETTLE_UNDO, self._settle_undo)
        acts |= dict.fromkeys(ids.SETTLE_LEFT, self._settle_left)
        acts |= dict.fromkeys(ids.SETTLE_CHECK, self._settle_check)
        return acts

    async def _approve(self, click: Click, caller: Caller) -> None:
        await self._operations.approve(ids.parse_click(click.value), caller)

    async def _skip(self, click: Click, caller: Caller) -> None:
        await self._operations.skip(ids.parse_click(click.value), caller)

    async def _settle(self, click: Click, caller: Caller) -> None:
        choice = ids.SETTLE[click.action_id]
        await self._operations.settle(ids.parse_click(click.value), caller, choice=choice)

    async def _cancel(self, click: Click, caller: Caller) -> None:
        await self._operations.cancel(ids.parse_run(click.value).run_id, caller)

    async def _undo(self, click: Click, caller: Caller) -> None:
        await self._operations.undo(ids.parse_run(click.value).run_id, caller)

    async def _undo_one(self, click: Click, caller: Caller) -> None:
        run_id, step = _step_of(click)
        await self._operations.undo_one(run_id, step, caller)

    async def _export(self, click: Click, caller: Caller) -> None:
        await self._operations.export(ids.parse_run(click.value).run_id, caller)

    async def _ask_diagnosis(self, click: Click, caller: Caller) -> None:
        await self._operations.diagnosing.ask(ids.parse_diagnosis(click.value).incident_id, caller)

    async def _was_right(self, click: Click, caller: Caller) -> None:
        ref = ids.parse_diagnosis(click.value)
        await self._operations.diagnosing.judge(ref.incident_id, ref.diagnosis_id, caller, verdict="right")

    async def _propose_diagnosed(self, click: Click, caller: Caller) -> None:
        ref = ids.parse_diagnosis(click.value)
        await self._operations.diagnosing.propose(ref.incident_id, ref.diagnosis_id, ref.runbook, caller)

    async def _settle_undo(self, click: Click, caller: Caller) -> None:
        run_id, step = _step_of(click)
        choice = ids.SETTLE_UNDO[click.action_id]
        await self._operations.settle_undo(run_id, step, caller, choice=choice)

    async def _settle_left(self, click: Click, caller: Caller) -> None:
        run_id, step = _step_of(click)
        choice = ids.SETTLE_LEFT[click.action_id]
        await self._operations.settle_undo(run_id, step, caller, choice=choice, goes_on=False)

    async def _settle_check(self, click: Click, caller: Caller) -> None:
        ref = ids.parse_run(click.value)
        choice = ids.SETTLE_CHECK[click.action_id]
        await self._operations.settle_check(ref.run_id, ref.step, caller, choice=choice)

    async def _rehearse(self, click: Click) -> None:
        """Told to whoever asked, alone: it changes and decides nothing, and the thread is the record of what does."""
        caller = await self._directory.caller_of(click.where.user)
        found = await self._operations.rehearse(ids.parse_click(click.value), caller)
        await self._answers.tell(click.where, rehearsal(found))

    async def _chosen(self, click: Click) -> None:
        """A runbook was chosen: in the start form it shows its parameters, in a thread it is suggested."""
        if click.view is not None:
            await self._modals.choose_in_form(click)
            return
        caller = await self._directory.caller_of(click.where.user)
        await self._operations.choose(ids.parse_menu(click.block_id), click.value, caller)

    # ------------------------------------------------------------ hooks

    def _on_click(self, act: Act) -> Callable[..., Awaitable[None]]:
        async def perform(click: Click) -> None:
            await act(click, await self._directory.caller_of(click.where.user))

        return self._on_form(perform)

    def _on_form(self, act: Callable[[Click], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def listen(ack: AsyncAck, body: dict[str, Any]) -> None:
            await ack()

            async def perform() -> None:
                await act(click_of(body))

            self._start(where_of(body), perform(), name="click")

        return listen

    def _on_command(self) -> Callable[..., Awaitable[None]]:
        async def listen(ack: AsyncAck, body: dict[str, Any]) -> None:
            await ack()
            where = where_of_command(body)
            typed = str(body.get("text") or "")
            self._start(where, self._commands.perform(where, typed), name="command")

        return listen

    def _on_shortcut(self) -> Callable[..., Awaitable[None]]:
        async def listen(ack: AsyncAck, body: dict[str, Any]) -> None:
            await ack()
            where = where_of(body)
            ref = ids.StartRef(channel=where.channel, thread_ts=thread_of(body))
            self._start(where, self._modals.open_start(where, ref), name="shortcut")

        return listen

    def _start(self, where: Where, work: Coroutine[Any, Any, None], *, name: str) -> None:
        self._errands.start(self._told(where, work), name=name)

    async def _told(self, where: Where, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the door: every refusal and every surprise is told to its person
            await self._answers.refuse(where, error)


def _step_of(click: Click) -> tuple[RunId, StepKey]:
    """The step of a run that a button is about."""
    ref = ids.parse_run(click.value)
    if ref.step is None:
        raise BadInput("this button names no step", hint="use the newest message")
    return ref.run_id, ref.step


async def _too_old(_click: Click, _caller: Caller) -> None:
    raise BadInput(
        "this button is not one of mine, or too old to be understood", hint="use the newest message"
    )


async def _close(ack: AsyncAck, _body: Payload) -> None:
    await ack()


def _on_view(handle: Callable[[AsyncAck, Payload], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def listen(ack: AsyncAck, body: dict[str, Any]) -> None:
        await handle(ack, body)

    return listen

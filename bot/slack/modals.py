"""The forms: opened at once, filled in when we know what belongs in them, and answered at the field that is wrong.

A `trigger_id` lives three seconds, and looking somebody up or reading a run may take longer than that on a bad night.
So a form that needs thinking opens as "one moment" and is replaced when the thinking is done. A submitted form must be
acknowledged within three seconds too: the decision gets two of them, and if it is not back by then the form closes and
a refusal is whispered into the thread instead.

Forms carry ids only (`private_metadata`); what is typed is checked and authorised anew like any click.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.catalog.params import BadParams
from bot.engine.operations import DecisionForm, Operations
from bot.engine.ports import ClickRef
from bot.engine.starting import Start
from bot.errors import BadInput, Refused
from bot.intake.diagnosed import OTHER
from bot.journal.base import RunRow
from bot.runs.events import RunId
from bot.runs.plan import JsonObject
from bot.runs.policy import Caller
from bot.slack import ids
from bot.slack.answering import Answers, sentence_of
from bot.slack.blocks import notice
from bot.slack.directory import SlackDirectory
from bot.slack.errands import Errands
from bot.slack.gateway import Gateway
from bot.slack.interactions import Click, Payload, Where, where_of
from bot.slack.views import forms, typed
from bot.slack.views.diagnosis import wrong_form

ANSWER_WITHIN_S = 2.0
"""Slack gives three seconds from the click; the way back takes some of it."""


class Modals:
    """Opens, replaces and answers the forms."""

    def __init__(
        self,
        *,
        operations: Operations,
        gateway: Gateway,
        directory: SlackDirectory,
        answers: Answers,
        errands: Errands,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        self._operations = operations
        self._gateway = gateway
        self._directory = directory
        self._answers = answers
        self._errands = errands
        self._answer_within_s = answer_within_s

    # ------------------------------------------------------------ opening

    async def open_reject(self, click: Click) -> None:
        """Why not? Opened empty, then which step it is and the question, or why not for whoever may not."""
        await self._open_decision(click, "Reject this step", self._operations.reject_form, forms.reject_form)

    async def open_override(self, click: Click) -> None:
        """Break glass? The same, with what it would run."""
        await self._open_decision(click, "Break glass", self._operations.override_form, forms.override_form)

    async def _open_decision(
        self,
        click: Click,
        title: str,
        look: Callable[[ClickRef, Caller], Awaitable[DecisionForm]],
        draw: Callable[[ids.FormRef, DecisionForm], JsonObject],
    ) -> None:
        ref = _form_ref(click)
        view_id = await self._gateway.open_view(click.where.trigger_id, notice(title, "One moment …"))
        try:
            caller = await self._directory.caller_of(click.where.user)
            view = draw(ref, await look(ref.click, caller))
        except Exception as error:  # noqa: BLE001 - shown in the form the person is looking at, and logged there
            view = notice(title, sentence_of(error))
        await self._gateway.update_view(view_id, view)

    async def open_edit(self, click: Click) -> None:
        """Other parameters: opened empty, then filled with what they are now, or with why they may not be changed."""
        ref = _form_ref(click)
        view_id = await self._gateway.open_view(
            click.where.trigger_id, notice("Edit parameters", "One moment …")
        )
        try:
            caller = await self._directory.caller_of(click.where.user)
            form = await self._operations.edit_form(ref.click, caller)
            view = forms.edit_form(
                ref, runbook=form.runbook, step=form.step, params=form.params, values=form.values
            )
        except Exception as error:  # noqa: BLE001 - shown in the form the person is looking at, and logged there
            view = notice("Edit parameters", sentence_of(error))
        await self._gateway.update_view(view_id, view)

    async def open_wrong(self, click: Click) -> None:
        """What was it really? Opened empty, then the question, or why it cannot be answered any more."""
        title = "A wrong diagnosis"
        ref = replace(
            ids.parse_diagnosis(click.value), channel=click.where.channel, thread_ts=click.where.thread_ts
        )
        view_id = await self._gateway.open_view(click.where.trigger_id, notice(title, "One moment …"))
        try:
            made = await self._operations.diagnosing.finding(ref.incident_id, ref.diagnosis_id)
            view = wrong_form(ref, made)
        except Exception as error:  # noqa: BLE001 - shown in the form the person is looking at, and logged there
            view = notice(title, sentence_of(error))
        await self._gateway.update_view(view_id, view)

    async def open_start(
        self, where: Where, ref: ids.StartRef, *, values: Mapping[str, str] | None = None
    ) -> None:
        """Choose a runbook and its parameters; everything needed is in memory, so it opens complete."""
        await self._gateway.open_view(where.trigger_id, self._start_form(ref, values))

    async def open_cancel(self, where: Where, rows: Sequence[RunRow]) -> None:
        """Which of these runs is to stop?"""
        ref = ids.StartRef(channel=where.channel)
        await self._gateway.open_view(where.trigger_id, forms.cancel_form(ref, rows=rows))

    async def choose_in_form(self, click: Click) -> None:
        """Another runbook was chosen in the open form: show its parameters."""
        view = click.view or {}
        before = ids.parse_start(view.get("private_metadata"))
        ref = replace(before, runbook=click.value, service="")
        await self._gateway.update_view(str(view.get("id", "")), self._start_form(ref, None))

    def _start_form(self, ref: ids.StartRef, values: Mapping[str, str] | None) -> JsonObject:
        menu = [(one.name, one.description) for one in self._operations.runbooks()]
        asks = self._operations.start_form(ref.runbook) if ref.runbook else None
        return forms.start_form(ref, menu=menu, asks=asks, values=values)

    # ------------------------------------------------------------ submitted

    async def rejected(self, ack: AsyncAck, body: Payload) -> None:
        """The reject form came back."""
        view = body.get("view") or {}

        async def decide(caller: Caller) -> None:
            ref = ids.parse_form(view.get("private_metadata"))
            reason = typed.given_reason(view.get("state") or {})
            if not reason:
                raise _AtField(ids.REASON_BLOCK, "say why, in a few words")
            await self._operations.reject(ref.click, caller, reason=reason)

        await self._submitted(ack, body, decide, where=_where_of_form(body))

    async def overridden(self, ack: AsyncAck, body: Payload) -> None:
        """The form of broken glass came back."""
        view = body.get("view") or {}

        async def decide(caller: Caller) -> None:
            ref = ids.parse_form(view.get("private_metadata"))
            reason = typed.given_reason(view.get("state") or {})
            if not reason:
                raise _AtField(ids.REASON_BLOCK, "say why, in a few words")
            await self._operations.override(ref.click, caller, reason=reason)

        await self._submitted(ack, body, decide, where=_where_of_form(body))

    async def edited(self, ack: AsyncAck, body: Payload) -> None:
        """The edit form came back."""
        view = body.get("view") or {}

        async def decide(caller: Caller) -> None:
            ref = ids.parse_form(view.get("private_metadata"))
            await self._operations.edit(ref.click, caller, given=typed.given_params(view.get("state") or {}))

        await self._submitted(ack, body, decide, where=_where_of_form(body))

    async def started(self, ack: AsyncAck, body: Payload) -> None:
        """The start form came back."""
        view = body.get("view") or {}
        state = view.get("state") or {}

        async def decide(caller: Caller) -> None:
            ref = ids.parse_start(view.get("private_metadata"))
            runbook = typed.given_runbook(state) or ref.runbook
            if not runbook:
                raise _AtField(ids.RUNBOOK_BLOCK, "choose a runbook")
            start = Start(
                channel=ref.channel,
                thread_ts=ref.thread_ts,
                given=dict(typed.given_params(state)),
                service=typed.given_choice(state, ids.SERVICE_BLOCK) or ref.service,
                environment=typed.given_environment(state, otherwise=ref.environment),
                dry_run=typed.is_dry_run(state),
            )
            await self._operations.start(runbook, caller, start)

        await self._submitted(ack, body, decide, where=_where_of_start(body))

    async def was_wrong(self, ack: AsyncAck, body: Payload) -> None:
        """The form about a wrong diagnosis came back."""
        view = body.get("view") or {}
        state = view.get("state") or {}

        async def decide(caller: Caller) -> None:
            ref = ids.parse_diagnosis(view.get("private_metadata"))
            really = typed.given_choice(state, ids.REALLY_BLOCK)
            words = typed.given_reason(state)
            if not really:
                raise _AtField(ids.REALLY_BLOCK, "choose what it really was")
            if really == OTHER and not words:
                raise _AtField(ids.REASON_BLOCK, "say what it was, in a few words")
            await self._operations.diagnosing.judge(
                ref.incident_id, ref.diagnosis_id, caller, verdict="wrong", really=really, words=words
            )

        await self._submitted(ack, body, decide, where=_where_of_wrong(body))

    async def cancelled(self, ack: AsyncAck, body: Payload) -> None:
        """The cancel form came back."""
        state = (body.get("view") or {}).get("state") or {}

        async def decide(caller: Caller) -> None:
            run_id = RunId(typed.given_choice(state, ids.RUN_BLOCK))
            if not run_id:
                raise _AtField(ids.RUN_BLOCK, "choose a run")
            await self._operations.cancel(run_id, caller, reason=typed.given_reason(state))

        await self._submitted(ack, body, decide, where=_where_of_start(body))

    async def _submitted(
        self, ack: AsyncAck, body: Payload, decide: Callable[[Caller], Awaitable[None]], *, where: Where
    ) -> None:
        async def act() -> None:
            await decide(await self._directory.caller_of(where.user))

        title = str(((body.get("view") or {}).get("title") or {}).get("text") or "Not done")
        errand = self._errands.start(_caught(act()), name="form")
        done, _ = await asyncio.wait({errand}, timeout=self._answer_within_s)
        if not done:
            await ack()
            self._errands.start(self._tell_late(errand, where), name="form-late")
            return
        error = errand.result()
        if error is None:
            await ack()
        elif (errors := _at_fields(error, body)) is not None:
            await ack(response_action="errors", errors=errors)
        else:
            await ack(response_action="update", view=notice(title, sentence_of(error)))

    async def _tell_late(self, errand: asyncio.Task[Exception | None], where: Where) -> None:
        error = await errand
        if error is not None:
            await self._answers.refuse(where, error)


class _AtField(Refused):
    """A refusal that belongs to one input."""

    def __init__(self, block_id: str, sentence: str) -> None:
        super().__init__(sentence)
        self.block_id = block_id


async def _caught(work: Awaitable[None]) -> Exception | None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - becomes the answer to a form, by the door's one table
        return error
    return None


def _at_fields(error: Exception, body: Payload) -> dict[str, str] | None:
    """Slack's `errors`, where every one of them has an input in this form to stand at."""
    if isinstance(error, _AtField):
        return {error.block_id: error.message}
    if not isinstance(error, BadParams):
        return None
    errors = typed.param_errors(error)
    shown = {str(block.get("block_id")) for block in (body.get("view") or {}).get("blocks") or ()}
    return errors if errors and set(errors) <= shown else None


def _form_ref(click: Click) -> ids.FormRef:
    return ids.FormRef(
        click=ids.parse_click(click.value), channel=click.where.channel, thread_ts=click.where.thread_ts
    )


def _where_of_form(body: Payload) -> Where:
    where = where_of(body)
    try:
        ref = ids.parse_form((body.get("view") or {}).get("private_metadata"))
    except BadInput:
        return where
    return Where(user=where.user, channel=ref.channel, thread_ts=ref.thread_ts)


def _where_of_wrong(body: Payload) -> Where:
    where = where_of(body)
    try:
        ref = ids.parse_diagnosis((body.get("view") or {}).get("private_metadata"))
    except BadInput:
        return where
    return Where(user=where.user, channel=ref.channel, thread_ts=ref.thread_ts)


def _where_of_start(body: Payload) -> Where:
    where = where_of(body)
    try:
        ref = ids.parse_start((body.get("view") or {}).get("private_metadata"))
    except BadInput:
        return where
    return Where(user=where.user, channel=ref.channel, thread_ts=ref.thread_ts)

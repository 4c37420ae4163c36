"""The names and values that travel through Slack and come back: action ids, block ids, what a button carries.

Names are written by hand and never change: an old message's button must still be understood. A value carries ids and
a digest, nothing to be trusted: everything is read again and authorised again. Keys are short because a button's
value holds 2000 characters and a modal's `private_metadata` 3000 (Slack's limits).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from bot.engine.ports import ClickRef
from bot.errors import BadInput
from bot.intake.diagnosed import DiagnosisId
from bot.runs.events import CheckChoice, Choice, IncidentId, ProposalId, RunId, StepKey, UndoChoice

VALUE_LIMIT = 2000
METADATA_LIMIT = 3000
BLOCK_ID_LIMIT = 255
OPTION_VALUE_LIMIT = 150

APPROVE = "approve_step"
REJECT = "reject_step"
SKIP = "skip_step"
EDIT = "edit_step"
DRY_RUN = "dry_run_step"
OVERRIDE = "override_step"
CHOOSE = "choose_runbook"
CANCEL = "cancel_run"
UNDO = "undo_run"
UNDO_ONE = "undo_one"
EXPORT = "export_run"
PROPOSE = "propose_runbook"
DIAGNOSIS_ASK = "ask_diagnosis"
DIAGNOSIS_RIGHT = "diagnosis_right"
DIAGNOSIS_WRONG = "diagnosis_wrong"
DIAGNOSIS_PROPOSE = "propose_diagnosed"

SETTLE: Mapping[str, Choice] = {
    "settle_done": "done",
    "settle_again": "again",
    "settle_undo": "undo",
    "settle_stop": "stop",
}
"""Action id to choice, for a step whose outcome is unknown."""

SETTLE_UNDO: Mapping[str, UndoChoice] = {
    "undo_done": "done",
    "undo_again": "again",
    "undo_stop": "stop",
}
"""Action id to choice, for an undo that was blocked, failed, or whose outcome is unknown."""

LEFT_DONE, LEFT_LEAVE = "left_done", "left_leave"
SETTLE_LEFT: Mapping[str, UndoChoice] = {LEFT_DONE: "done", LEFT_LEAVE: "leave"}
"""Action id to choice, for a step that the walk back did not come to, or stopped at."""

CHECK_KEEP, CHECK_UNDO = "check_keep", "check_undo"
SETTLE_CHECK: Mapping[str, CheckChoice] = {CHECK_KEEP: "keep", CHECK_UNDO: "undo"}
"""Action id to choice, for a metric check that came out worse or inconclusive."""

REJECT_FORM = "reject_form"
EDIT_FORM = "edit_form"
OVERRIDE_FORM = "override_form"
START_FORM = "start_form"
CANCEL_FORM = "cancel_form"
WRONG_FORM = "wrong_form"
START_SHORTCUT = "start_runbook"

REASON_BLOCK = "reason"
RUNBOOK_BLOCK = "runbook"
RUN_BLOCK = "run"
SERVICE_BLOCK = "service"
ENVIRONMENT_BLOCK = "environment"
DRY_RUN_BLOCK = "dry_run"
REALLY_BLOCK = "really"
PARAM_BLOCK = "param:"
"""Block id of a parameter's input: this and its name."""
INPUT = "value"
"""Action id of every input but the choice of a runbook in the start form, which is `CHOOSE`."""

_MENU_BLOCK = "menu:"


@dataclass(frozen=True, kw_only=True)
class RunRef:
    """What a button about a whole run, or about the undo or check of one of its steps, carries."""

    run_id: RunId
    step: StepKey | None = None


@dataclass(frozen=True, kw_only=True)
class FormRef:
    """What a modal about a proposal carries: the click that opened it, and where to answer."""

    click: ClickRef
    channel: str = ""
    thread_ts: str = ""


@dataclass(frozen=True, kw_only=True)
class StartRef:
    """What the start form carries: where the run's incident shall have its thread."""

    channel: str
    thread_ts: str = ""
    runbook: str = ""
    service: str = ""
    environment: str = ""
    dry_run: bool = False
    """The last three as they were given beside a command; the form shows them filled in."""


@dataclass(frozen=True, kw_only=True)
class ProposeRef:
    """What the button under an advice carries."""

    runbook: str
    service: str = ""
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class DiagnosisRef:
    """What a button or form about a diagnosis carries; for asking no diagnosis, for proposing a runbook, too."""

    incident_id: IncidentId
    diagnosis_id: DiagnosisId = DiagnosisId("")  # noqa: RUF009 - a NewType gives back its argument
    runbook: str = ""
    channel: str = ""
    thread_ts: str = ""
    """Where to answer, where it is a form."""


def diagnosis_value(ref: DiagnosisRef) -> str:
    """A button's value for a diagnosis."""
    return _dump(_diagnosis(ref), VALUE_LIMIT)


def diagnosis_metadata(ref: DiagnosisRef) -> str:
    """`private_metadata` of the form about a wrong diagnosis."""
    return _dump({**_diagnosis(ref), "c": ref.channel, "t": ref.thread_ts}, METADATA_LIMIT)


def parse_diagnosis(value: object) -> DiagnosisRef:
    """The reverse of both; raises BadInput for anything else."""
    data = _load(value)
    return DiagnosisRef(
        incident_id=IncidentId(_text(data, "i")),
        diagnosis_id=DiagnosisId(_text(data, "g", is_required=False)),
        runbook=_text(data, "b", is_required=False),
        channel=_text(data, "c", is_required=False),
        thread_ts=_text(data, "t", is_required=False),
    )


def _diagnosis(ref: DiagnosisRef) -> dict[str, str]:
    named = {"i": ref.incident_id, "g": ref.diagnosis_id, "b": ref.runbook}
    return {name: value for name, value in named.items() if value}


def propose_value(ref: ProposeRef) -> str:
    """A button's value for a runbook that was advised; of the words as many as it holds, for they are only a title."""
    named = {"b": ref.runbook, "s": ref.service}
    room = VALUE_LIMIT - len(_dump({**named, "w": ""}, VALUE_LIMIT))
    words = ref.words[:room]
    while len(json.dumps(words)) - 2 > room:
        words = words[: len(words) * 2 // 3]
    return _dump({**named, "w": words}, VALUE_LIMIT)


def parse_propose(value: object) -> ProposeRef:
    """The reverse of `propose_value`; raises BadInput for anything else."""
    data = _load(value)
    return ProposeRef(
        runbook=_text(data, "b"),
        service=_text(data, "s", is_required=False),
        words=_text(data, "w", is_required=False),
    )


def click_value(ref: ClickRef) -> str:
    """A button's value for a suggestion or proposal."""
    return _dump(_click(ref), VALUE_LIMIT)


def parse_click(value: object) -> ClickRef:
    """The reverse of `click_value`; raises BadInput for anything else."""
    return _as_click(_load(value))


def run_value(ref: RunRef) -> str:
    """A button's value for a run or one of its undos."""
    step = {} if ref.step is None else {"s": str(ref.step)}
    return _dump({"r": ref.run_id, **step}, VALUE_LIMIT)


def parse_run(value: object) -> RunRef:
    """The reverse of `run_value`; raises BadInput for anything else."""
    data = _load(value)
    step = _text(data, "s", is_required=False)
    return RunRef(run_id=RunId(_text(data, "r")), step=_step(step) if step else None)


def menu_block(incident_id: IncidentId, place: str) -> str:
    """Block id of a runbook menu; `place` tells several menus of one incident apart."""
    return f"{_MENU_BLOCK}{incident_id}:{place}"[:BLOCK_ID_LIMIT]


def parse_menu(block_id: object) -> IncidentId:
    """The incident a menu belongs to; raises BadInput for another block."""
    if not isinstance(block_id, str) or not block_id.startswith(_MENU_BLOCK):
        raise _nonsense()
    incident_id = block_id.removeprefix(_MENU_BLOCK).partition(":")[0]
    if not incident_id:
        raise _nonsense()
    return IncidentId(incident_id)


def form_metadata(ref: FormRef) -> str:
    """`private_metadata` of the reject and edit forms."""
    return _dump({**_click(ref.click), "c": ref.channel, "t": ref.thread_ts}, METADATA_LIMIT)


def parse_form(value: object) -> FormRef:
    """The reverse of `form_metadata`; raises BadInput for anything else."""
    data = _load(value)
    return FormRef(
        click=_as_click(data),
        channel=_text(data, "c", is_required=False),
        thread_ts=_text(data, "t", is_required=False),
    )


def start_metadata(ref: StartRef) -> str:
    """`private_metadata` of the start form."""
    more = {"s": ref.service, "e": ref.environment, "n": "yes" if ref.dry_run else ""}
    given = {name: value for name, value in more.items() if value}
    return _dump({"c": ref.channel, "t": ref.thread_ts, "b": ref.runbook, **given}, METADATA_LIMIT)


def parse_start(value: object) -> StartRef:
    """The reverse of `start_metadata`; raises BadInput for anything else."""
    data = _load(value)
    return StartRef(
        channel=_text(data, "c"),
        thread_ts=_text(data, "t", is_required=False),
        runbook=_text(data, "b", is_required=False),
        service=_text(data, "s", is_required=False),
        environment=_text(data, "e", is_required=False),
        dry_run=bool(_text(data, "n", is_required=False)),
    )


def _click(ref: ClickRef) -> dict[str, str]:
    run = {} if ref.run_id is None else {"r": str(ref.run_id)}
    return {"i": ref.incident_id, "p": ref.proposal_id, "d": ref.digest, **run}


def _as_click(data: Mapping[str, Any]) -> ClickRef:
    run_id = _text(data, "r", is_required=False)
    return ClickRef(
        incident_id=IncidentId(_text(data, "i")),
        proposal_id=ProposalId(_text(data, "p")),
        digest=_text(data, "d", is_required=False),
        run_id=RunId(run_id) if run_id else None,
    )


def _step(text: str) -> StepKey:
    phase, _, index = text.partition("/")
    if phase not in ("steps", "on_reject") or not (index.isascii() and index.isdigit() and len(index) < 6):
        raise _nonsense()
    return StepKey(phase=cast(Literal["steps", "on_reject"], phase), index=int(index))


def _dump(data: Mapping[str, str], limit: int) -> str:
    text = json.dumps(data, separators=(",", ":"))
    if len(text) > limit:
        raise BadInput(f"a button or form for {data!r} would be longer than Slack's {limit} characters")
    return text


def _load(value: object) -> Mapping[str, Any]:
    if not isinstance(value, str) or len(value) > METADATA_LIMIT:
        raise _nonsense()
    try:
        data = json.loads(value)
    except (ValueError, RecursionError) as wrong:
        raise _nonsense() from wrong
    if not isinstance(data, dict):
        raise _nonsense()
    return data


def _text(data: Mapping[str, Any], key: str, *, is_required: bool = True) -> str:
    value = data.get(key, "")
    if not isinstance(value, str) or (is_required and not value):
        raise _nonsense()
    return value


def _nonsense() -> BadInput:
    return BadInput(
        "this button is not one of mine, or too old to be understood", hint="use the newest message"
    )

"""Slack takes every message and modal, whatever words stand in whatever field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.catalog.schema import Param, Runbook, RunbookName, Step
from bot.engine.operations import StartForm
from bot.engine.ports import ClickRef, Tail
from bot.intake import incident as incidents
from bot.intake.incident import Candidate, Facts, LastTime, Origin
from bot.runs import events as runs
from bot.runs.events import (
    Actor,
    ArtifactRef,
    Asked,
    Expectation,
    Permission,
    ProposalId,
    Result,
    RunId,
    StepKey,
)
from bot.runs.plan import Plan, Target, Undo
from bot.slack import ids
from bot.slack.transcript import transcript
from bot.slack.views.forms import edit_form, start_form
from tests.slack import limits
from tests.slack.stage import INCIDENT, RUN, START, Stage
from tests.slack.words import stored

BOUNDED = settings(
    max_examples=30,
    deadline=None,
    # Examples are large: finding one is worth the time, making it smaller is not.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_W = stored()
_NAME = stored(longest=300)
_FEW = st.lists(_NAME, max_size=30).map(tuple)
_TARGETS = st.lists(
    st.builds(
        Target, kind=st.sampled_from(["host", "url", "cluster", "channel"]), name=_NAME, environment=_NAME
    ),
    max_size=60,
).map(tuple)
_SHOWN = st.dictionaries(_NAME, _W, max_size=20)
_UNDOS = st.builds(
    Undo,
    kind=st.sampled_from(["step", "manual", "none"]),
    text=_W,
    will_run=st.lists(_W, max_size=5).map(tuple),
)
_PLANS = st.builds(
    Plan,
    type=st.just("shell"),
    input=st.just({}),
    targets=_TARGETS,
    text=_W,
    will_run=st.lists(_W, max_size=8).map(tuple),
    shown=_SHOWN,
    observable=st.booleans(),
    changes=st.booleans(),
    undo=_UNDOS,
    risk=_NAME,
)
_ASKED = st.builds(
    Asked,
    approvers=_FEW,
    min_approvals=st.integers(1, 9),
    unattended=st.booleans(),
    message=_W,
    mention=st.lists(st.sampled_from(["U0ANN", "S0ONCALL", "W1", "<!here>"]), max_size=60).map(tuple),
    direct_message=st.sampled_from([(), ("U0ANN", "ann@acme.example")]),
)
_ACTORS = st.builds(
    Actor, kind=st.sampled_from(["slack", "api", "system"]), id=_NAME, person=_NAME, name=_NAME
)
_PERMISSIONS = st.builds(Permission, via=_NAME, members_read_at=st.one_of(st.none(), st.just(START)))
_FACTS = st.builds(
    Facts,
    title=_W,
    service=_NAME,
    service_text=_NAME,
    symptom=_W,
    environment=_NAME,
    urgency=_NAME,
    priority=_NAME,
    assignees=_FEW,
    url=_W,
    metric_name=_NAME,
    value=st.one_of(st.none(), st.floats()),
    anomaly_score=st.one_of(st.none(), st.floats()),
    number=st.one_of(st.none(), st.integers()),
    from_text=st.booleans(),
)
_RESULTS = st.builds(
    Result,
    verdict=st.sampled_from(["succeeded", "failed", "unknown"]),
    effect=st.sampled_from(["none", "applied", "partial", "unknown"]),
    summary=_W,
    output=_W,
    output_cut=st.booleans(),
    output_redacted=st.booleans(),
    expectations=st.lists(
        st.builds(Expectation, pattern=_W, found=st.booleans(), allow_failure=st.booleans()), max_size=20
    ).map(tuple),
    artifacts=st.lists(
        st.builds(
            ArtifactRef, name=_NAME, media_type=_NAME, digest=st.just("ab" * 32), size=st.integers(0, 10**9)
        ),
        max_size=3,
    ).map(tuple),
    duration_s=st.floats(0, 1e7),
)
_MENUS = st.lists(st.tuples(_NAME, _W), max_size=130)


def _runbook(name: str, description: str, count: int) -> Runbook:
    step = Step(name=name[:200] or "step", type="shell")
    return Runbook(
        name=RunbookName(name or "runbook"),
        description=description,
        params=(Param(name="replicas", type="int"),),
        steps=tuple(step for _ in range(count)),
        on_reject=(step,),
    )


@BOUNDED
@given(data=st.data(), name=_NAME, description=_NAME, count=st.integers(1, 60))
def test_any_words_in_any_field_make_messages_that_slack_takes(
    data: st.DataObject, name: str, description: str, count: int
) -> None:
    draw = data.draw
    stage = Stage(
        facts=draw(_FACTS), runbook=_runbook(name, description, count), plan=draw(_PLANS), asked=draw(_ASKED)
    )
    stage.opened(
        origin=Origin(key="x", source=draw(_NAME), url=draw(_W)),
        last_times=tuple(
            LastTime(
                run_id=RunId("r"),
                runbook=draw(_W),
                status="failed",
                at=START,
                permalink=draw(_W),
                decided_by=draw(_W),
            )
            for _ in range(draw(st.integers(0, 6)))
        ),
        by=draw(st.one_of(st.none(), _ACTORS)),
    ).thread_opened()
    kind: Any = draw(
        st.sampled_from(["annotated", "resolved", "reassigned", "priority_updated", "service_updated"])
    )
    stage.says(
        incidents.IncidentChanged(at=stage.now, kind=kind, facts=stage.facts, by=draw(_W), text=draw(_W)),
        incidents.OriginLinked(at=stage.now, origin=Origin(key="y", source=draw(_NAME), url=draw(_W))),
        incidents.NothingSuggested(at=stage.now, reason=draw(_W)),
    )
    stage.suggested(
        params=draw(st.dictionaries(_NAME, _W, max_size=12)),
        why=draw(_FEW),
        others=tuple(Candidate(runbook=one, why=draw(_FEW)) for one in draw(_FEW)[:3]),
        reason=draw(_W),
        requester=draw(st.one_of(st.none(), _ACTORS)),
    )
    _whole_or_in_file(stage)
    menu = draw(_MENUS)
    for message in stage.show(menu):
        limits.check(message)
    stage.says(incidents.SuggestionReminded(at=stage.now, suggestion_id=ProposalId("p-1"))).taken()
    stage.approved(draw(_ACTORS), permission=draw(_PERMISSIONS))
    stage.tail = Tail(run_id=RUN, lines=draw(st.lists(_W, max_size=12)), note=draw(_W))
    for message in stage.show(menu):
        limits.check(message)
    _go_on(stage, draw)
    shown = stage.show(menu)
    for message in shown:
        limits.check(message)
        assert message.content
    assert transcript(shown)


def _go_on(stage: Stage, draw: Any) -> None:
    stage.started().finished(draw(_RESULTS))
    stage.ran(
        runs.StepProbed(at=stage.now, proposal_id=ProposalId("p-1"), step=StepKey(), text=draw(_W)),
        runs.ProposalVoided(at=stage.now, proposal_id=ProposalId("p-1"), reason=draw(_W), changes=draw(_FEW)),
        runs.RunQueued(at=stage.now, waiting_for=draw(_W), position=3),
        runs.UndoRequested(at=stage.now, reason=draw(_W)),
        runs.UndoBlocked(at=stage.now, step=StepKey(), reason=draw(_W)),
        runs.CancelRequested(
            at=stage.now, actor=draw(_ACTORS), permission=draw(_PERMISSIONS), reason=draw(_W)
        ),
        runs.StepNotPlanned(at=stage.now, step=StepKey(), message=draw(_W)),
    )
    status: Any = draw(st.sampled_from(["succeeded", "failed", "rollback_incomplete"]))
    stage.ended(status, draw(_W), draw(_FEW))


def _whole_or_in_file(stage: Stage) -> None:
    """All that would run is in the message, or in the file before it and the message says so."""
    if stage.asked.unattended:
        return
    shown = {one.key: one for one in stage.show()}
    text = str([block.get("text", {}).get("text") for block in shown["suggestion:p-1"].blocks])
    if "whole:p-1" in shown:
        assert "Not all of it fits here" in text
        assert list(shown).index("whole:p-1") < list(shown).index("suggestion:p-1")
    else:
        assert "… (cut)\n```" not in text.replace("\\n", "\n")


@BOUNDED
@given(command=stored(longest=30_000))
def test_a_command_is_shown_whole_or_put_whole_into_a_file_before_the_button(command: str) -> None:
    plan = Plan(
        type="shell",
        input={},
        targets=(Target(kind="host", name="web-1", environment="prod"),),
        text="run a command",
        will_run=(command,),
    )
    stage = Stage(plan=plan).opened().suggested()
    shown = {one.key: one for one in stage.show()}
    from bot.slack.text import EMPTY, exact

    wanted = exact(command).strip("\n")
    if "whole:p-1" in shown:
        body = shown["whole:p-1"].files[0].body.decode()
        assert all(line in body for line in wanted.split("\n"))
    else:
        fences = [
            block["text"]["text"][4:-4]
            for block in shown["suggestion:p-1"].blocks
            if block["type"] == "section" and block.get("text", {}).get("text", "").startswith("```")
        ]
        plain = "\n".join(fences).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        plain = plain.replace("`\u2060", "`")
        # A command of nothing but space has nothing to show.
        assert not wanted.strip() or plain.replace("\n", "") == wanted.replace("\n", "") or plain == EMPTY


_PARAMS = st.lists(
    st.builds(
        Param,
        name=_NAME.filter(bool),
        type=st.sampled_from(["string", "int", "choice", "bool"]),
        description=_NAME,
        required=st.booleans(),
        pattern=st.one_of(st.none(), _NAME),
        minimum=st.one_of(st.none(), st.integers()),
        choices=st.lists(_NAME, max_size=120, unique=True).map(tuple),
    ),
    max_size=20,
    unique_by=lambda one: one.name,
)


@BOUNDED
@given(params=_PARAMS, value=stored(longest=4000), menu=_MENUS, runbook=_NAME, step=_W)
def test_any_parameters_make_forms_that_slack_takes(
    params: list[Param], value: str, menu: list[tuple[str, str]], runbook: str, step: str
) -> None:
    click = ClickRef(incident_id=INCIDENT, proposal_id=ProposalId("p-1"), digest="ab" * 32, run_id=RUN)
    ref = ids.FormRef(click=click, channel="C0INC", thread_ts="1793697162.118259")
    values = {param.name: value for param in params}
    limits.check_modal(edit_form(ref, runbook=runbook, step=step, params=params, values=values))
    named = [(name, words_) for name, words_ in dict(menu).items() if name]
    chosen = named[0][0][:150] if named else ""
    limits.check_modal(
        start_form(
            ids.StartRef(channel="C0INC", runbook=chosen),
            menu=named,
            asks=StartForm(params=tuple(params), services=("a", "b"), environments=("dev", "prod")),
            values=values,
        )
    )


def test_a_hundred_parameters_fit_a_form_and_the_rest_is_named() -> None:
    params = [Param(name=f"param-{number}", type="string") for number in range(150)]
    click = ClickRef(incident_id=INCIDENT, proposal_id=ProposalId("p-1"))
    view = edit_form(ids.FormRef(click=click), runbook="big", step="step 1 of 1", params=params, values={})
    limits.check_modal(view)
    assert "param-149" not in str([block.get("block_id") for block in view["blocks"]])
    assert "more" in str(view["blocks"][-1])


def test_a_thousand_runbooks_can_all_be_started_from_the_form() -> None:
    menu = [(f"runbook-{number:04}", "does something") for number in range(1000)]
    view = start_form(ids.StartRef(channel="C0INC", runbook="runbook-0777"), menu=menu)
    limits.check_modal(view)
    element = view["blocks"][0]["element"]
    assert sum(len(group["options"]) for group in element["option_groups"]) == 1000
    assert element["initial_option"]["value"] == "runbook-0777"


def test_a_menu_of_a_thousand_runbooks_says_how_many_it_leaves_out() -> None:
    menu = [(f"runbook-{number:04}", "does something") for number in range(1000)]
    message = Stage().opened().suggested().message("suggestion:p-1", menu)
    limits.check(message)
    assert "900 more runbooks" in str(message.blocks)


def test_many_steps_are_shown_around_the_one_that_runs() -> None:
    stage = Stage(
        runbook=_runbook("long", "", 60), asked=replace(Asked(approvers=("U0ANN",)), unattended=True)
    )
    stage.opened().by_hand()
    for number in range(30):
        stage.proposed(f"p-{number}", StepKey(index=number), stage.plan).started(f"p-{number}")
        stage.finished(proposal=f"p-{number}")
    shown = str(stage.message(f"run:{RUN}").blocks)
    assert "steps before" in shown
    assert "steps to come" in shown
    assert "31. long: not started" in shown


@pytest.mark.parametrize("piece", ["&", "x", "😀", "`", "a b ", "<!here> ", "\u202e", "e\u0301"])
@pytest.mark.parametrize("size", [500, 9000])
def test_every_field_at_once_as_long_as_it_can_be(piece: str, size: int) -> None:
    long = (piece * size)[:size]
    many = tuple(f"{number}{long}" for number in range(40))
    plan = Plan(
        type="shell",
        input={},
        targets=tuple(Target(kind="host", name=name, environment=name) for name in many),
        text=long,
        will_run=many,
        shown=dict.fromkeys(many, long),
        undo=Undo(kind="step", text=long, will_run=many),
        risk=long,
    )
    asked = Asked(approvers=many, min_approvals=9, message=long, mention=tuple(f"U{n}ANN" for n in range(99)))
    actors = [Actor(kind="api", id=long, person=one, name=long) for one in many]
    stage = Stage(runbook=_runbook(long, long, 60), plan=plan, asked=asked).opened()
    stage.suggested(
        params=dict.fromkeys(many, long), why=many, reason=long, requester=actors[0], remind_at=None
    )
    menu = [(f"{number}{'x' * 60}", long) for number in range(120)]
    for message in stage.show(menu):
        limits.check(message)
    stage.taken(requester=actors[0])
    for actor in actors[:8]:
        stage.approved(actor, permission=Permission(via=long))
    for message in stage.show(menu):
        limits.check(message)
    text = str(stage.message("suggestion:p-1", menu).blocks)
    assert "Not all of it fits here" in text
    assert "approve_step" in text

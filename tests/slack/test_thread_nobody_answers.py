"""What the thread says when nobody answers: escalations, overrides, reminders, left steps; and the limits of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.engine.operations import DecisionForm
from bot.engine.ports import ClickRef
from bot.intake import incident as incidents
from bot.runs import events as runs
from bot.runs.events import Asked, Escalation, Permission, ProposalId, StepKey
from bot.runs.plan import Undo
from bot.slack import ids
from bot.slack.message import Message
from bot.slack.views.forms import override_form, reject_form
from tests.slack import limits
from tests.slack.stage import ANN, BEN, BY_GROUP, INCIDENT, RUN, RUNBOOK, SCALE_PLAN, Stage, done, shell_plan
from tests.slack.test_thread_rules import buttons

ASKED = Asked(approvers=("U0ANN",), mention=("U0ANN",), escalate_to=("leads", "pagerduty:oncall"))
LEADS = ("U0BEN",)


def escalated(stage: Stage, **change: Any) -> incidents.SuggestionEscalated:
    at = stage.at(600)
    to = Escalation(
        entry="leads",
        approvers=LEADS,
        mention=LEADS,
        direct_message=LEADS,
        expires_at=at + timedelta(minutes=10),
    )
    return incidents.SuggestionEscalated(at=at, suggestion_id=ProposalId("p-1"), to=replace(to, **change))


def accessory(message: Message) -> list[str]:
    return [block["accessory"]["action_id"] for block in message.blocks if block.get("accessory")]


def test_an_escalation_rings_those_asked_next_and_tells_them_directly() -> None:
    stage = Stage(asked=ASKED).opened().thread_opened().suggested()
    assert "After that leads will be asked too." in str(stage.message("suggestion:p-1").blocks)
    stage.says(escalated(stage))
    said = stage.message("escalated:p-1:1")
    assert said.text.startswith("<@U0BEN>: Escalated to leads:")
    assert "dm:p-1:U0BEN" in stage.shown_keys()
    card = str(stage.message("suggestion:p-1").blocks)
    assert "<@U0ANN> or <@U0BEN>" in card
    assert "on call at PagerDuty will be asked too" in card


def test_an_escalation_that_reached_nobody_says_why_and_rings_nobody() -> None:
    stage = Stage(asked=ASKED).opened().suggested()
    stage.says(
        escalated(stage, entry="pagerduty:oncall", approvers=(), mention=(), trouble="PagerDuty is away")
    )
    said = stage.message("escalated:p-1:1").text
    assert "could not be asked: PagerDuty is away." in said
    assert "<@" not in said


def test_a_reminder_after_an_escalation_is_a_message_of_its_own() -> None:
    stage = Stage(asked=ASKED).opened().suggested()
    reminded = incidents.SuggestionReminded(at=stage.at(300), suggestion_id=ProposalId("p-1"))
    stage.says(reminded, escalated(stage), replace(reminded, at=stage.at(300)))
    assert [key for key in stage.shown_keys() if key.startswith("reminder:")] == [
        "reminder:p-1",
        "reminder:p-1:1",
    ]


def test_a_reminder_says_what_would_run_and_calls_nobody_for_what_they_have_done() -> None:
    both = Asked(
        approvers=("U0ANN", "U0BEN"),
        mention=("U0ANN", "U0BEN"),
        direct_message=("U0ANN", "U0BEN"),
        min_approvals=2,
    )
    stage = Stage(asked=both).opened().thread_opened().suggested().taken().approved(ANN)
    stage.ran(runs.ApprovalReminded(at=stage.at(), proposal_id=ProposalId("p-1")))
    said = stage.message("reminder:p-1").text
    assert said.startswith("<@U0BEN>: still waiting for a decision")
    assert "1 of 2 people approved so far. Scale payment-api from 3 to 5 replicas." in said
    direct = [key for key in stage.shown_keys() if key.startswith("dm:reminder:")]
    assert direct == ["dm:reminder:p-1:U0BEN"]
    words = stage.message(direct[0]).text
    assert words.startswith("Still waiting for your decision:")
    assert "payments in prod: CPU of payment-api above 95 % for 10 min" in words
    stage.approved(BEN)
    assert not [key for key in stage.shown_keys() if key.startswith("dm:")], "nobody is told what is decided"


def test_a_run_does_not_say_again_what_its_suggestion_said() -> None:
    stage = Stage(asked=ASKED).opened().suggested()
    one = escalated(stage)
    stage.says(one).taken()
    stage.ran(runs.ApprovalEscalated(at=one.at, proposal_id=ProposalId("p-1"), to=one.to)).approved(BEN)
    assert [key for key in stage.shown_keys() if key.startswith("escalated:")] == ["escalated:p-1:1"]


def test_the_glass_can_be_broken_only_where_somebody_may() -> None:
    assert accessory(Stage().opened().suggested().message("suggestion:p-1")) == []
    stage = Stage(asked=replace(ASKED, override=("S0DUTY",))).opened().suggested()
    message = stage.message("suggestion:p-1")
    assert accessory(message) == [ids.OVERRIDE]
    assert "S0DUTY" not in str(message.blocks), "whoever may is not rung for each proposal"


def test_an_override_is_told_apart_without_its_colour_wherever_it_shows() -> None:
    stage = Stage().opened().suggested().taken()
    stage.ran(
        runs.StepOverridden(
            at=stage.at(),
            proposal_id=ProposalId("p-1"),
            digest=SCALE_PLAN.digest,
            actor=BEN,
            permission=Permission(via="S0DUTY"),
            reason="nobody <!here> wakes up",
        )
    )
    version = len(stage.run_events)
    stage.started().finished().ended("succeeded")
    for key in (f"decision:{RUN}:{version}", "suggestion:p-1", f"run:{RUN}", f"end:{RUN}:{version + 3}"):
        assert "OVERRIDE" in str(stage.message(key).blocks), key
    assert "<!here>" not in str(stage.message(f"decision:{RUN}:{version}").blocks)


def stopped(count: int, name: str, **undo: Any) -> Stage:
    """A run of many steps that were all done, whose walk back stopped at the last."""
    steps = tuple(RUNBOOK.steps[0].model_copy(update={"name": f"{number}{name}"}) for number in range(count))
    plan = shell_plan("x", undo=replace(Undo(kind="step", text="turn it back", type="shell"), **undo))
    stage = Stage(runbook=RUNBOOK.model_copy(update={"steps": steps}), plan=plan).opened().by_hand()
    for number in range(count):
        stage.proposed(f"s-{number}", StepKey(index=number), plan).started(f"s-{number}")
        stage.finished(done(), proposal=f"s-{number}")
    stage.ended("succeeded")
    stage.ran(runs.UndoRequested(at=stage.at(), reason="x", actor=BEN, permission=BY_GROUP))
    stage.ran(runs.UndoBlocked(at=stage.at(), step=StepKey(index=count - 1), reason="drift"))
    return stage.ended("rollback_incomplete", left=tuple(step.name for step in reversed(steps)))


def the_end(stage: Stage) -> Message:
    return stage.message(f"end:{RUN}:{len(stage.run_events)}")


def test_each_left_step_has_its_buttons_and_those_out_of_order_warn() -> None:
    end = the_end(stopped(3, "step"))
    assert buttons(end)[:9] == [ids.UNDO_ONE, ids.LEFT_DONE, ids.LEFT_LEAVE] * 3
    asked = [
        element["confirm"]["text"]["text"]
        for block in end.blocks
        if block["type"] == "actions"
        for element in block["elements"]
        if element["action_id"] == ids.UNDO_ONE
    ]
    assert ["OUT OF ORDER" in words for words in asked] == [False, True, True]
    assert "2step and 1step came after it and still stand" in asked[2]


def test_what_has_no_way_back_has_no_button_for_one() -> None:
    end = the_end(stopped(2, "step", kind="manual", text="call the bank", type=""))
    assert ids.UNDO_ONE not in buttons(end)
    assert buttons(end)[:4] == [ids.LEFT_DONE, ids.LEFT_LEAVE] * 2


@pytest.mark.parametrize("count", [1, 12, 40])
@pytest.mark.parametrize("name", ["s", "&<!here>`" * 30, "😀" * 60])
def test_slack_takes_any_number_of_left_steps(count: int, name: str) -> None:
    end = the_end(stopped(count, name))
    limits.check(end)
    assert ids.EXPORT in buttons(end)


@pytest.mark.parametrize("words", ["x" * 9000, "&<!channel>`\n" * 900, ""])
def test_slack_takes_the_forms_of_a_decision_whatever_would_run(words: str) -> None:
    about = DecisionForm(
        runbook=words or "r", step=words or "s", environment=words, plan=shell_plan(words or "x", text=words)
    )
    ref = ids.FormRef(click=ClickRef(incident_id=INCIDENT, proposal_id=ProposalId("p-1"), digest="ab" * 32))
    for view in (override_form(ref, about), reject_form(ref, about)):
        limits.check_modal(view)
        assert view["blocks"][-1]["optional"] is False


def test_a_question_is_reminded_of_and_rings_only_while_it_is_open() -> None:
    stage = (
        Stage(asked=replace(ASKED, direct_message=("U0ANN",))).opened().thread_opened().suggested().taken()
    )
    stage.approved().started().finished(replace(done(), verdict="unknown", effect="unknown"))
    stage.ran(runs.StepProbed(at=stage.at(), proposal_id=ProposalId("p-1"), step=StepKey(), text="dark"))
    stage.ran(runs.QuestionReminded(at=stage.at(300), question="unknown", step=StepKey()))
    key = f"reminder:{RUN}:{len(stage.run_events)}"
    assert stage.message(key).text.startswith("<@U0ANN>: still waiting for an answer:")
    assert f"dm:{RUN}:{len(stage.run_events)}:U0ANN" in stage.shown_keys()
    settled = runs.UnknownSettled(
        at=stage.at(),
        proposal_id=ProposalId("p-1"),
        step=StepKey(),
        choice="done",
        actor=ANN,
        permission=BY_GROUP,
    )
    stage.ran(settled)
    assert "<@" not in stage.message(key).text
    assert not [one for one in stage.shown_keys() if one.startswith(f"dm:{RUN}")]

"""The rules of the thread's essay: order, keys, what is live, who is rung."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.intake import incident as incidents
from bot.intake.incident import Origin, Place
from bot.runs import events as runs
from bot.runs.events import ArtifactRef, Asked, ProposalId, RunId, StepKey
from bot.runs.plan import Target, Undo
from bot.slack import ids
from bot.slack.message import Message
from bot.slack.thread import messages
from tests.slack.stage import (
    ANN,
    ASKED,
    BEN,
    BY_GROUP,
    INCIDENT,
    LINKS,
    MENU,
    RUN,
    RUNBOOK,
    SCALE,
    SCALE_PLAN,
    START,
    UNATTENDED,
    Stage,
    done,
    shell_plan,
)


def buttons(message: Message) -> list[str]:
    """Action ids of everything that can be clicked."""
    return [
        element["action_id"]
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def test_the_root_is_ours_where_no_message_was_there_first() -> None:
    assert Stage().opened().message("incident").place == "channel"
    assert Stage().opened().thread_opened().message("incident").place == "channel"


def test_under_a_message_that_was_there_first_the_card_is_a_reply() -> None:
    stage = Stage(place=Place(channel="C0INC", thread_ts="1.2")).opened()
    assert stage.message("incident").place == "thread"
    assert stage.thread_opened().message("incident").place == "thread"


def test_a_message_linked_before_we_posted_becomes_the_root() -> None:
    stage = Stage().opened()
    linked = incidents.OriginLinked(
        at=stage.now,
        origin=Origin(key="slack:C0INC/1.2", source="slack"),
        place=Place(channel="C0INC", thread_ts="1.2"),
    )
    assert stage.says(linked).message("incident").place == "thread"
    late = Stage().opened().thread_opened().says(linked)
    assert late.message("incident").place == "channel"


def test_the_incident_comes_first_and_time_orders_the_rest() -> None:
    stage = Stage().opened().suggested().taken().approved().started()
    facts = replace(stage.facts, status="acknowledged")
    stage.says(incidents.IncidentChanged(at=stage.at(), kind="acknowledged", facts=facts, by="Ann"))
    stage.finished().ended("succeeded")
    assert stage.shown_keys() == [
        "incident",
        "suggestion:p-1",
        f"run:{RUN}",
        f"decision:{RUN}:3",
        "change:4",
        f"outcome:{RUN}:5",
        f"end:{RUN}:6",
    ]


def test_a_clock_that_goes_back_does_not_reorder_a_run() -> None:
    stage = Stage().opened().by_hand().proposed("p-1", StepKey(), SCALE_PLAN).approved()
    before = stage.shown_keys()
    run = stage.run_events[-1]
    stage.run_events[-1] = replace(run, at=START - timedelta(hours=1))
    assert stage.shown_keys() == before


def test_two_runs_stand_in_the_order_they_were_opened() -> None:
    stage = Stage().opened().by_hand()
    other = RunId("other")
    stage.says(incidents.RunStarted(at=stage.now, run_id=other))
    second = replace(stage, run_events=[replace(stage.run_events[0], run_id=other)])  # type: ignore[call-arg]
    shown = messages(stage.incident, [second.run, stage.run], {}, MENU, links=LINKS)
    assert [one.key for one in shown] == ["incident", f"run:{RUN}", "run:other"]


def test_the_proposal_a_suggestion_became_has_no_message_of_its_own() -> None:
    stage = Stage().opened().suggested().taken()
    assert "proposal:p-1" not in stage.shown_keys()
    suggestion = stage.message("suggestion:p-1")
    assert suggestion.live
    click = ids.parse_click(
        next(
            element["value"]
            for block in suggestion.blocks
            if block["type"] == "actions"
            for element in block["elements"]
            if element["action_id"] == ids.APPROVE
        )
    )
    assert (click.incident_id, click.proposal_id, click.run_id) == (INCIDENT, "p-1", RUN)
    assert click.digest == SCALE_PLAN.digest


def test_buttons_vanish_once_spent() -> None:
    stage = Stage().opened().suggested()
    assert buttons(stage.message("suggestion:p-1")) == [
        ids.APPROVE,
        ids.REJECT,
        ids.SKIP,
        ids.DRY_RUN,
        ids.EDIT,
        ids.CHOOSE,
    ]
    stage.taken().approved()
    approved = stage.message("suggestion:p-1")
    assert buttons(approved) == []
    assert approved.live  # it may still wait in line or be called off
    stage.started()
    started = stage.message("suggestion:p-1")
    assert not started.live
    assert started.is_changed(approved.content)
    assert not started.is_changed(started.content)


def test_a_runbook_without_parameters_has_nothing_to_edit() -> None:
    stage = Stage()
    stage.runbook = stage.runbook.model_copy(update={"params": ()})
    assert ids.EDIT not in buttons(stage.opened().suggested().message("suggestion:p-1"))


def test_an_open_proposal_of_a_cancelled_run_cannot_be_clicked() -> None:
    stage = Stage().opened().by_hand().proposed("p-1", StepKey(), SCALE_PLAN)
    stage.ran(runs.CancelRequested(at=stage.now, actor=BEN, permission=BY_GROUP))
    assert buttons(stage.message("proposal:p-1")) == []
    assert buttons(stage.message(f"run:{RUN}")) == []


def test_a_final_message_is_left_alone_whatever_a_later_version_says() -> None:
    stage = Stage().opened().suggested().taken().approved().started()
    message = stage.message("suggestion:p-1")
    assert not message.is_changed("final:" + "0" * 64)
    assert message.is_changed("live:" + "0" * 64)
    assert not message.is_changed("")


def test_people_are_rung_only_while_they_are_needed() -> None:
    stage = Stage().opened().suggested()
    stage.says(incidents.SuggestionReminded(at=stage.at(5), suggestion_id=ProposalId("p-1")))
    for key in ("suggestion:p-1", "reminder:p-1"):
        assert "<!subteam^S0ONCALL>" in stage.message(key).text
    stage.taken().approved().started()
    for key in ("suggestion:p-1", "reminder:p-1"):
        assert "<!subteam^S0ONCALL>" not in stage.message(key).text


def test_nobody_is_rung_by_what_was_decided() -> None:
    stage = Stage().opened().suggested().taken().approved(ANN).started().finished().ended("succeeded")
    for message in stage.show():
        if message.key.startswith(("decision:", "outcome:", "end:", "run:")):
            assert "<@" not in str(message.blocks) + message.text


def test_what_pagerduty_refused_is_said_in_words_that_ring_nobody() -> None:
    reason = "PagerDuty answered 422: '<!channel> <https://evil.example|click> *bold* & more'"
    stage = Stage().opened().says(incidents.PagerNotTold(at=START, reason=reason))
    [message] = [one for one in stage.show() if one.key.startswith("not-told:")]
    assert not message.live
    assert message.text.startswith("PagerDuty was not told: PagerDuty answered 422")
    assert "<!channel>" not in str(message.blocks)
    assert "<https:" not in str(message.blocks)


def test_a_direct_message_waits_for_the_link_and_goes_to_people_only() -> None:
    asked = replace(ASKED, direct_message=("U0ANN", "S0ONCALL", "ann@acme.example"))
    stage = Stage(asked=asked).opened().suggested()
    assert not [key for key in stage.shown_keys() if key.startswith("dm:")]
    stage.thread_opened()
    direct = [one for one in stage.show() if one.key.startswith("dm:")]
    assert [(one.key, one.place) for one in direct] == [("dm:p-1:U0ANN", "user:U0ANN")]
    assert "https://acme.slack.com/archives/C0INC/" in direct[0].text


def test_an_emailed_approver_whom_slack_knows_is_named_once() -> None:
    shown = str(Stage().opened().suggested().message("suggestion:p-1").blocks)
    assert "<@U0ANN>" in shown
    assert "ann@acme.example" not in shown


def test_a_partial_quorum_is_counted_and_named() -> None:
    stage = Stage(asked=replace(ASKED, min_approvals=2)).opened().suggested().taken().approved(ANN)
    shown = str(stage.message("suggestion:p-1").blocks)
    assert "1 of 2 approved:* Ann" in shown
    assert "2 people must agree" in shown
    assert ids.APPROVE in buttons(stage.message("suggestion:p-1"))
    stage.ran(
        runs.ApprovalVoided(
            at=stage.now, proposal_id=ProposalId("p-1"), person=ANN.person, reason="no longer a member"
        )
    )
    stage.approved(BEN)
    last = stage.show()[-1]
    assert "1 of 2 people" in last.text


def test_an_unattended_step_says_so_once_and_has_no_buttons() -> None:
    stage = Stage().opened().by_hand().proposed("p-1", StepKey(), SCALE_PLAN, asked=UNATTENDED)
    message = stage.message("proposal:p-1")
    assert not message.live
    assert "Runs by itself" in message.text
    assert buttons(message) == []


def test_the_same_file_twice_is_posted_once() -> None:
    ref = ArtifactRef(name="out.txt", media_type="text/plain", digest="ab" * 32, size=10)
    stage = Stage().opened().suggested().taken().approved().started()
    stage.finished(done(artifacts=(ref, replace(ref, name="again.txt"))))
    assert [key for key in stage.shown_keys() if key.startswith("file:")] == [f"file:{RUN}:{'ab' * 6}"]
    message = stage.message(f"file:{RUN}:{'ab' * 6}")
    assert message.is_file
    assert message.artifacts == (ref,)


def test_the_undo_button_stands_at_the_end_until_it_is_used() -> None:
    stage = Stage().opened().suggested().taken().approved().started().finished().ended("succeeded")
    end = stage.message(f"end:{RUN}:6")
    assert end.live
    assert buttons(end) == [ids.UNDO, ids.EXPORT]
    stage.ran(runs.UndoRequested(at=stage.at(), reason="x", actor=BEN, permission=BY_GROUP))
    assert buttons(stage.message(f"end:{RUN}:6")) == []
    stage.ran(
        runs.UndoStarted(at=stage.now, step=StepKey(), plan=SCALE_PLAN),
        runs.UndoFinished(at=stage.now, step=StepKey(), result=done()),
    ).ended("rolled_back")
    assert not stage.message(f"end:{RUN}:6").live
    assert ids.UNDO not in buttons(stage.message(f"end:{RUN}:10"))


def test_what_only_a_person_can_undo_is_said_and_not_offered_as_a_button() -> None:
    plan = shell_plan("systemctl stop x", undo=Undo(kind="manual", text="start it again"))
    stage = Stage(plan=plan).opened().suggested().taken().approved().started().finished().ended("cancelled")
    end = stage.message(f"end:{RUN}:6")
    assert ids.UNDO not in buttons(end)
    assert "undo by hand: start it again" in str(end.blocks)


def test_a_failed_undo_asks_until_somebody_says_how_to_go_on() -> None:
    stage = Stage().opened().suggested().taken().approved().started().finished().ended("succeeded")
    stage.ran(runs.UndoRequested(at=stage.at(), reason="x", actor=BEN, permission=BY_GROUP))
    stage.ran(runs.UndoStarted(at=stage.now, step=StepKey(), plan=SCALE_PLAN))
    stage.ran(
        runs.UndoFinished(
            at=stage.now, step=StepKey(), result=done("503", verdict="failed", effect="unknown")
        )
    )
    key = f"undo:{RUN}:steps/0:9"
    assert buttons(stage.message(key)) == ["undo_done", "undo_again", "undo_stop"]
    stage.ended("rollback_incomplete")
    assert buttons(stage.message(key)) == ["undo_done", "undo_again"]
    stage.ran(
        runs.UndoSettled(at=stage.at(), step=StepKey(), choice="again", actor=BEN, permission=BY_GROUP),
        runs.UndoRequested(at=stage.now, reason="x", actor=BEN, permission=BY_GROUP),
    )
    settled = stage.message(key)
    assert buttons(settled) == []
    assert not settled.live
    assert "Ben said: try the undo again" in settled.text
    assert [one for one in stage.shown_keys() if one.startswith("decision:")][-1] == f"decision:{RUN}:11"


def test_settling_by_undo_is_said_once() -> None:
    stage = Stage().opened().suggested().taken().approved().started()
    stage.finished(done("lost", verdict="unknown", effect="unknown"))
    stage.ran(runs.StepProbed(at=stage.now, proposal_id=ProposalId("p-1"), step=StepKey(), text="3 replicas"))
    assert buttons(stage.message("unknown:p-1")) == list(ids.SETTLE)
    stage.ran(
        runs.UnknownSettled(
            at=stage.at(),
            proposal_id=ProposalId("p-1"),
            step=StepKey(),
            choice="undo",
            actor=BEN,
            permission=BY_GROUP,
        ),
        runs.UndoRequested(at=stage.now, reason="ended unknown", actor=BEN, permission=BY_GROUP),
    )
    assert buttons(stage.message("unknown:p-1")) == []
    assert not stage.message("unknown:p-1").live
    assert len([key for key in stage.shown_keys() if key.startswith("decision:")]) == 2


def test_the_menu_goes_when_it_is_no_longer_the_last_word() -> None:
    stage = Stage().opened()
    stage.says(incidents.NothingSuggested(at=stage.now, reason="no runbook matches"))
    assert buttons(stage.message("nothing:2")) == [ids.CHOOSE]
    stage.suggested()
    assert buttons(stage.message("nothing:2")) == []
    assert not stage.message("nothing:2").live


def test_a_menu_names_its_incident_and_leaves_the_shown_runbook_out() -> None:
    message = Stage().opened().suggested().message("suggestion:p-1")
    block: dict[str, Any] = next(one for one in message.blocks if one.get("block_id", "").startswith("menu:"))
    assert ids.parse_menu(block["block_id"]) == INCIDENT
    names = [option["value"] for option in block["elements"][0]["options"]]
    assert names == ["restart-payments", "flush-redis", "check-payments"]


def test_an_empty_catalog_makes_no_menu() -> None:
    assert ids.CHOOSE not in buttons(Stage().opened().suggested().message("suggestion:p-1", menu=()))


def test_only_the_last_run_offers_another_runbook() -> None:
    stage = Stage().opened().by_hand().ended("failed", "x")
    assert buttons(stage.message(f"end:{RUN}:2")) == [ids.EXPORT, ids.CHOOSE]
    stage.suggested("p-9")
    assert buttons(stage.message(f"end:{RUN}:2")) == [ids.EXPORT]


def test_words_from_outside_never_mention_or_link() -> None:
    evil = "<!channel> <https://evil.example|click> *x* `y` @here https://evil.example"
    stage = Stage()
    stage.facts = replace(
        stage.facts, title=evil, service=evil, symptom=evil + "!", assignees=(evil,), environment=evil
    )
    stage.plan = shell_plan(evil, text=evil)
    stage.asked = Asked(approvers=(evil,), message=evil)
    stage.opened().suggested(why=(evil,), reason=evil)
    for message in stage.show():
        for text in _markup([message.text, *message.blocks]):
            assert "<!channel>" not in text
            assert "evil.example|click>" not in text


def _markup(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for one in value for text in _markup(one)]
    if isinstance(value, dict):
        if value.get("type") == "plain_text":
            return []
        return [text for one in value.values() for text in _markup(one)]
    return []


def test_an_undo_that_acts_elsewhere_names_where() -> None:
    undo = Undo(
        kind="step",
        text="start it on the standby",
        type="shell",
        targets=(Target(kind="host", name="standby-1", environment="prod"),),
        will_run=("standby-1: systemctl start payments",),
    )
    stage = Stage(plan=shell_plan("systemctl stop payments", undo=undo)).opened().suggested()
    assert "`host standby-1`" in str(stage.message("suggestion:p-1").blocks)


def test_a_step_without_words_for_what_runs_shows_its_input() -> None:
    plan = replace(SCALE_PLAN, type="python", will_run=(), input={"replicas": 5})
    assert 'python {\\"replicas\\": 5}' in json.dumps(
        Stage(plan=plan).opened().suggested().message("suggestion:p-1").blocks
    )


def test_a_file_hides_nothing() -> None:
    long = "x" * 5000 + "\u202e"
    stage = Stage(plan=shell_plan(long, shown={"a": "\u200b"})).opened().suggested()
    body = stage.message("whole:p-1").files[0].body.decode()
    assert "⟨U+202E⟩" in body
    assert "⟨U+200B⟩" in body


def test_a_step_is_headed_by_what_its_author_says_it_is_for() -> None:
    purpose = "Run more of it, so that each does less."
    described = SCALE.model_copy(update={"description": purpose})
    steps = tuple(described if step.name == SCALE.name else step for step in RUNBOOK.steps)
    shown = (
        Stage(runbook=RUNBOOK.model_copy(update={"steps": steps}))
        .opened()
        .suggested()
        .message("suggestion:p-1")
    )
    assert shown.blocks[1]["text"]["text"].startswith(f"*{purpose}*")
    assert purpose in shown.text
    assert "PUT https://api.acme.example/scale" in json.dumps(shown.blocks)


def test_an_end_without_any_effect_says_that_nothing_was_changed() -> None:
    rejected = runs.StepRejected(
        at=START, proposal_id=ProposalId("p-1"), actor=ANN, permission=BY_GROUP, reason="not tonight"
    )
    stage = Stage().opened().suggested().taken().ran(rejected).ended("rejected", "not tonight")
    end = json.dumps(stage.show()[-1].blocks)
    assert "Nothing was changed." in end
    assert "not tonight" not in end, "the decision above it gives the reason"
    assert "approved" not in end, "nobody's approval led to anything"


def test_an_end_that_left_something_does_not_say_so() -> None:
    stage = (
        Stage()
        .opened()
        .suggested()
        .taken()
        .approved()
        .started()
        .finished()
        .ended("failed", "x", ("scale-out",))
    )
    assert "Nothing was changed" not in json.dumps(stage.show()[-1].blocks)


def test_a_state_reads_the_same_before_and_after_the_journal_which_keeps_no_order() -> None:
    shown = {"where": "web-1", "replicas": "3 → 5", "pace": "2 at a time"}
    cards = [
        Stage(plan=replace(SCALE_PLAN, shown=dict(order)))
        .opened()
        .suggested()
        .message("suggestion:p-1")
        .blocks
        for order in (shown.items(), sorted(shown.items()))
    ]
    assert cards[0] == cards[1]
    assert "replicas: 3 → 5\\npace: 2 at a time\\nwhere: web-1" in repr(cards[0])

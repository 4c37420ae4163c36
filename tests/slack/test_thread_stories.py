"""What the thread says in each story, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.engine.ports import Tail
from bot.intake import incident as incidents
from bot.intake.incident import Candidate, Facts, Origin, Place
from bot.runs import events as runs
from bot.runs.events import ArtifactRef, Asked, Expectation, Permission, ProposalId, Result, StepKey
from bot.runs.plan import Target, Undo
from tests.slack import golden, limits
from tests.slack.stage import (
    ANN,
    ASKED,
    BEN,
    BY_GROUP,
    BY_NAME,
    INCIDENT,
    REPORT_PLAN,
    RUN,
    SCALE_PLAN,
    START,
    UNATTENDED,
    Stage,
    done,
    shell_plan,
)

SECOND = StepKey(index=1)
AFTER = StepKey(phase="on_reject")


def approved_to_the_end() -> Stage:
    stage = Stage().opened().suggested().thread_opened().taken().approved().started()
    stage.finished().proposed("p-2", SECOND, REPORT_PLAN, asked=UNATTENDED).started("p-2")
    return stage.finished(done("posted", effect="none"), "p-2").ended("succeeded")


def waiting_for_the_first_click() -> Stage:
    return Stage().opened().thread_opened().suggested()


def two_people_must_agree() -> Stage:
    stage = Stage(asked=replace(ASKED, min_approvals=2)).opened().suggested().taken()
    return stage.approved(ANN)


def rejected() -> Stage:
    stage = Stage().opened().suggested().taken()
    stage.ran(
        runs.StepRejected(
            at=stage.now,
            proposal_id=ProposalId("p-1"),
            actor=BEN,
            permission=BY_GROUP,
            reason="a deploy is running, <!channel> wait for *it*",
        )
    )
    return stage.proposed("p-2", AFTER, replace(REPORT_PLAN, text="tell the team it is off"))


def nobody_decided() -> Stage:
    stage = Stage().opened().suggested()
    stage.at(5)
    stage.says(incidents.SuggestionReminded(at=stage.now, suggestion_id=ProposalId("p-1")))
    stage.at(5)
    return stage.says(
        incidents.SuggestionWithdrawn(at=stage.now, suggestion_id=ProposalId("p-1"), reason="expired")
    )


def edited() -> Stage:
    stage = Stage().opened().suggested().taken()
    stage.ran(
        runs.ParamsEdited(
            at=stage.now,
            proposal_id=ProposalId("p-1"),
            actor=ANN,
            permission=BY_NAME,
            before={"replicas": 5},
            after={"replicas": 4},
        )
    )
    plan = replace(SCALE_PLAN, text="scale payment-api from 3 to 4 replicas", shown={"replicas": "3 → 4"})
    return stage.proposed("p-2", StepKey(), plan, reason="Ann edited the parameters")


def state_drifted() -> Stage:
    stage = Stage().opened().suggested().taken().approved()
    stage.ran(
        runs.ProposalVoided(
            at=stage.at(),
            proposal_id=ProposalId("p-1"),
            reason="the state changed since this was proposed",
            changes=("replicas: 3 → 4",),
        )
    )
    plan = replace(SCALE_PLAN, text="scale payment-api from 4 to 5 replicas", shown={"replicas": "4 → 5"})
    return stage.proposed(
        "p-2", StepKey(), plan, reason="the state changed since this was proposed: replicas: 3 → 4"
    )


def waiting_in_line() -> Stage:
    stage = Stage().opened().suggested().taken().approved()
    return stage.ran(
        runs.RunQueued(at=stage.now, waiting_for="url:api.acme.example:443, held by run 77aa", position=2)
    )


def running_with_a_tail() -> Stage:
    stage = Stage(plan=shell_plan("apt-get update")).opened().suggested().taken().approved().started()
    stage.tail = Tail(run_id=RUN, lines=["Get:1 http://deb.example ```x", "Reading package lists…"])
    stage.tail.note = "on web-1 (1 of 1)"
    return stage


def outcome_unknown() -> Stage:
    stage = Stage().opened().suggested().taken().approved().started()
    lost = Result(
        verdict="unknown", effect="unknown", summary="the connection broke after the request was sent"
    )
    stage.finished(lost)
    return stage.ran(
        runs.StepProbed(
            at=stage.now, proposal_id=ProposalId("p-1"), step=StepKey(), text="5 replicas, 4 of 5 ready"
        )
    )


def settled_as_done() -> Stage:
    stage = outcome_unknown()
    return stage.ran(
        runs.UnknownSettled(
            at=stage.at(),
            proposal_id=ProposalId("p-1"),
            step=StepKey(),
            choice="done",
            actor=BEN,
            permission=BY_GROUP,
            reason="I see five pods",
        )
    )


def failed_and_rolled_back() -> Stage:
    stage = Stage().opened().suggested().taken().approved().started()
    failed = Result(
        verdict="failed",
        effect="partial",
        summary="3 of 5 ready when the time was up",
        output="\n".join(f"pod {number}: pending" for number in range(40)),
        expectations=(
            Expectation(pattern="5 of `5` ready", found=False),
            Expectation(pattern="warm", found=False, allow_failure=True),
        ),
        artifacts=(
            ArtifactRef(name="scale-out-output.txt", media_type="text/plain", digest="ab" * 32, size=12_345),
        ),
        duration_s=90.2,
    )
    stage.finished(failed)
    stage.ran(runs.UndoRequested(at=stage.now, reason="step scale-out failed"))
    stage.ran(runs.UndoStarted(at=stage.now, step=StepKey(), plan=SCALE_PLAN))
    stage.ran(runs.UndoFinished(at=stage.at(), step=StepKey(), result=done("scaled back to 3")))
    return stage.ended("rolled_back", "step scale-out failed")


def undo_needs_a_person() -> Stage:
    plan = shell_plan("systemctl stop payments", undo=Undo(kind="manual", text="start it again on web-1"))
    stage = Stage(plan=plan).opened().suggested().taken().approved().started().finished(done("exit status 0"))
    stage.ran(runs.CancelRequested(at=stage.now, actor=BEN, permission=BY_GROUP, reason="wrong service"))
    stage.ended("cancelled", "wrong service", ("scale-out",))
    stage.ran(
        runs.UndoRequested(at=stage.at(), reason="asked for in the thread", actor=BEN, permission=BY_GROUP),
        runs.UndoBlocked(at=stage.now, step=StepKey(), reason="by hand: start it again on web-1"),
    )
    return stage.ended("rollback_incomplete", "the undo of step scale-out did not succeed", ("scale-out",))


def finished_and_can_be_undone() -> Stage:
    stage = Stage().opened().suggested().taken().approved().started().finished()
    stage.proposed("p-2", SECOND, REPORT_PLAN)
    stage.ran(runs.ProposalExpired(at=stage.at(10), proposal_id=ProposalId("p-2")))
    return stage.ended("expired", "nobody decided step report in time", ("scale-out",))


def resolved_elsewhere() -> Stage:
    stage = Stage().opened().suggested()
    facts = replace(stage.facts, status="acknowledged", status_at=START)
    stage.says(incidents.IncidentChanged(at=stage.at(), kind="acknowledged", facts=facts, by="Ann"))
    stage.says(
        incidents.IncidentChanged(
            at=stage.at(),
            kind="annotated",
            facts=facts,
            by="Ann",
            text="looks like <https://evil|the deploy>",
        )
    )
    facts = replace(facts, status="resolved", status_at=START + timedelta(minutes=3))
    stage.says(incidents.IncidentChanged(at=stage.at(), kind="resolved", facts=facts, by="Ann"))
    return stage.says(
        incidents.SuggestionWithdrawn(
            at=stage.now,
            suggestion_id=ProposalId("p-1"),
            reason="resolved",
            detail="the incident was resolved elsewhere before anybody decided",
        )
    )


def nothing_fits() -> Stage:
    facts = Facts(title="Disk full on legacy-ftp", service_text="Legacy FTP", from_text=True)
    stage = Stage(facts=facts, place=Place(channel="C0INC", thread_ts="1793697162.118259"))
    stage.opened(last_times=(), origin=Origin(key="slack:C0INC/1793697162.118259", source="slack", url=""))
    stage.says(
        incidents.NothingSuggested(
            at=stage.now,
            reason="Legacy FTP is not in the catalog, so no runbook can be matched with it",
            others=(Candidate(runbook="check-payments", why=("symptom word disk",), evaluable=False),),
        )
    )
    return stage.says(
        incidents.OriginLinked(
            at=stage.at(),
            origin=Origin(
                key="pagerduty:Q2", source="pagerduty", url="https://acme.pagerduty.com/incidents/Q2"
            ),
        )
    )


def too_long_for_a_message() -> Stage:
    lines = "\n".join(f"echo 'line {number} of a very long script' >> /tmp/x" for number in range(300))
    return Stage(plan=shell_plan(lines)).opened().suggested()


def started_by_hand_dry() -> Stage:
    stage = Stage().opened().by_hand(dry_run=True)
    stage.proposed("p-1", StepKey(), SCALE_PLAN, asked=UNATTENDED).started()
    return stage.finished(done("would send PUT", effect="none"))


def step_cannot_be_proposed() -> Stage:
    stage = Stage().opened().by_hand()
    stage.ran(runs.StepNotPlanned(at=stage.now, step=StepKey(), message="kubernetes steps cannot run yet"))
    return stage.ended("failed", "step scale-out could not be proposed: kubernetes steps cannot run yet")


def asked_directly() -> Stage:
    asked = Asked(
        approvers=("U0ANN", "nobody@acme.example"),
        mention=("U0ANN",),
        direct_message=("U0ANN", "nobody@acme.example"),
        min_approvals=1,
    )
    return Stage(asked=asked).opened().thread_opened().by_hand().proposed("p-1", StepKey(), SCALE_PLAN)


STORIES = {
    story.__name__: story
    for story in (
        approved_to_the_end,
        waiting_for_the_first_click,
        two_people_must_agree,
        rejected,
        nobody_decided,
        edited,
        state_drifted,
        waiting_in_line,
        running_with_a_tail,
        outcome_unknown,
        settled_as_done,
        failed_and_rolled_back,
        undo_needs_a_person,
        finished_and_can_be_undone,
        resolved_elsewhere,
        nothing_fits,
        too_long_for_a_message,
        started_by_hand_dry,
        step_cannot_be_proposed,
        asked_directly,
    )
}


@pytest.mark.parametrize("name", STORIES)
def test_the_thread_reads_as_written(name: str) -> None:
    golden.check_transcript(name, STORIES[name]().show())


@pytest.mark.parametrize("name", ["waiting_for_the_first_click", "approved_to_the_end", "outcome_unknown"])
def test_the_blocks_are_as_written(name: str) -> None:
    golden.check_blocks(name, STORIES[name]().show())


@pytest.mark.parametrize("name", STORIES)
def test_slack_takes_every_message(name: str) -> None:
    for message in STORIES[name]().show():
        limits.check(message)


@pytest.mark.parametrize("name", STORIES)
def test_every_message_carries_its_key_and_no_key_comes_twice(name: str) -> None:
    shown = STORIES[name]().show()
    assert len({one.key for one in shown}) == len(shown)
    for message in shown:
        payload: dict[str, Any] = message.metadata["event_payload"]
        assert payload["key"] == message.key
        assert payload["incident_id"] == INCIDENT


@pytest.mark.parametrize("name", STORIES)
def test_what_was_final_stays_as_it_was_while_the_story_goes_on(name: str) -> None:
    whole = STORIES[name]()
    before: dict[str, Any] = {}
    for cut in range(1, len(whole.run_events) + 1):
        part = replace(whole, run_events=whole.run_events[:cut])
        for message in part.show():
            if message.key in before and before[message.key].startswith("final:"):
                assert not message.is_changed(before[message.key])
                assert message.content == before[message.key], message.key
            before[message.key] = message.content


def test_a_permission_over_a_group_does_not_ring_the_group() -> None:
    stage = Stage().opened().suggested().taken().approved(permission=Permission(via="S0ONCALL"))
    decision = next(one for one in stage.show() if one.key.startswith("decision:"))
    assert "<!subteam" not in str(decision.blocks)
    assert "S0ONCALL" in str(decision.blocks)


def test_many_targets_are_all_in_the_file() -> None:
    targets = tuple(Target(kind="host", name=f"web-{number}", environment="prod") for number in range(40))
    stage = Stage(plan=shell_plan("uptime", targets=targets)).opened().suggested()
    body = stage.message("whole:p-1").files[0].body.decode()
    assert all(f"host:web-{number}  prod" in body for number in range(40))

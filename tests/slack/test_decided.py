"""The end of a run names every decision, also those that came to nothing."""

from __future__ import annotations

from dataclasses import replace

from bot.runs import events as runs
from bot.runs.events import ProposalId, StepKey
from bot.slack.views.decided import MOST_DECISIONS, decisions
from tests.slack.stage import ANN, BEN, BY_NAME, SCALE_PLAN, Stage

P1 = ProposalId("p-1")


def lines(stage: Stage) -> list[str]:
    return decisions(stage.run, version=len(stage.run_events)).splitlines()[1:]


def test_an_approval_that_was_never_used_says_that_it_is_void() -> None:
    stage = Stage().opened().suggested().taken().approved(ANN)
    stage.ran(runs.ProposalVoided(at=stage.at(), proposal_id=P1, reason="the state changed"))
    stage.proposed("p-2", StepKey(), replace(SCALE_PLAN, text="again")).approved(BEN, "p-2")
    void, counts = lines(stage)
    assert "approved by Ann" in void
    assert void.endswith("(void: called off before it ran)")
    assert "approved by Ben" in counts
    assert "void" not in counts


def test_an_approval_that_an_edit_made_void_stands_beside_the_edit() -> None:
    stage = Stage().opened().suggested().taken().approved(ANN)
    edit = runs.ParamsEdited(
        at=stage.at(),
        proposal_id=P1,
        actor=BEN,
        permission=BY_NAME,
        before={"replicas": 5},
        after={"replicas": 4},
    )
    first, second = lines(stage.ran(edit))
    assert first.endswith("(void: edited after it)")
    assert "scale-out: parameters edited by Ben" in second


def test_only_the_approval_of_whoever_may_no_longer_is_void() -> None:
    stage = Stage().opened().suggested().taken().approved(ANN).approved(BEN)
    stage.ran(runs.ApprovalVoided(at=stage.at(), proposal_id=P1, person=ANN.person, reason="left the group"))
    first, second = lines(stage)
    assert first.endswith("(void: it did not count any more)")
    assert "void" not in second


def test_what_was_settled_after_an_unknown_outcome_says_so_and_its_undo_is_said_once() -> None:
    stage = Stage().opened().suggested().taken().approved(ANN).started()
    at = stage.at()
    stage.ran(
        runs.UnknownSettled(
            at=at, proposal_id=P1, step=StepKey(), choice="undo", actor=BEN, permission=BY_NAME
        ),
        runs.UndoRequested(at=at, reason="it ended unknown", actor=BEN, permission=BY_NAME),
    )
    assert [line.split(", ")[0] for line in lines(stage)[1:]] == [
        "• scale-out: its outcome was unknown; Ben said: undo it"
    ]


def test_a_part_of_a_step_is_named_with_what_was_decided_of_it() -> None:
    stage = (
        Stage()
        .opened()
        .suggested(plan=replace(SCALE_PLAN, part="part 1 of 2: the first host"))
        .taken()
        .approved(ANN)
    )
    assert lines(stage)[0].startswith("• scale-out, part 1 of 2: approved by Ann")


def test_decisions_after_that_end_are_not_told_and_the_oldest_give_way_to_a_count() -> None:
    stage = Stage().opened().suggested().taken().approved(ANN)
    version = len(stage.run_events)
    for _ in range(MOST_DECISIONS + 2):
        stage.ran(runs.CancelRequested(at=stage.at(), actor=BEN, permission=BY_NAME))
    assert len(decisions(stage.run, version=version).splitlines()) == 2
    found = lines(stage)
    assert found[0] == "• … 3 decisions before"
    assert len(found) == MOST_DECISIONS + 1

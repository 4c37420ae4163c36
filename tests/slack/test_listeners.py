"""What clicks, menus and shortcuts do, and what people are told when it is refused."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import AlreadyDecided, JournalUnavailable, NotPermitted
from bot.runs.events import RunId, StepKey
from bot.sandbox.acme import ALICE, BOB, GUEST, NO_EMAIL, STRANGER
from bot.slack import ids
from tests.slack.desk import CHANNEL
from tests.slack.entrance import REF, Door


async def test_an_approval_carries_exactly_the_ids_and_the_digest_and_who_clicked(door: Door) -> None:
    await door.click(ALICE, ids.APPROVE)
    _, caller, ref = await door.asked("approve")
    assert ref == REF
    assert (caller.actor.id, caller.email, caller.actor.person, caller.barred) == (
        ALICE,
        "alice@acme.example",
        "alice@acme.example",
        "",
    )


@pytest.mark.parametrize(
    ("user", "barred"),
    [(GUEST, "guests may not decide"), (STRANGER, "a member of another workspace may not decide")],
)
async def test_those_who_may_never_decide_come_with_the_reason(door: Door, user: str, barred: str) -> None:
    await door.click(user, ids.APPROVE)
    _, caller, _ = await door.asked("approve")
    assert caller.barred == barred


async def test_somebody_without_an_email_counts_as_their_slack_account(door: Door) -> None:
    await door.click(NO_EMAIL, ids.APPROVE)
    _, caller, _ = await door.asked("approve")
    assert (caller.email, caller.actor.person) == ("", f"slack:{NO_EMAIL}")


async def test_when_slack_cannot_say_who_clicked_nobody_decides(door: Door) -> None:
    door.slack.faults.fail("users.info", times=5)
    await door.click(ALICE, ids.APPROVE)
    _, caller, _ = await door.asked("approve")
    assert "could not say just now who you are" in caller.barred


async def test_a_refusal_is_whispered_in_the_thread_where_it_was_clicked(door: Door) -> None:
    door.operations.refusal = NotPermitted("you are not one of its approvers", hint="ask one of them")
    root = await door.click(BOB, ids.APPROVE)
    told = await door.told(BOB)
    assert told["text"] == "You are not one of its approvers. Ask one of them."
    assert told["thread_ts"] == root
    assert door.slack.ephemerals(ALICE) == []


async def test_a_refusal_reaches_its_person_by_the_response_url_when_whispering_fails(door: Door) -> None:
    door.operations.refusal = AlreadyDecided("bob approved this a minute ago")
    door.slack.faults.error("chat.postEphemeral", "not_in_channel")
    await door.click(ALICE, ids.APPROVE)
    assert "Bob approved this" in (await door.told(ALICE))["text"]


async def test_a_journal_that_did_not_confirm_is_not_told_as_nothing_decided(door: Door) -> None:
    door.operations.refusal = JournalUnavailable("the disk is full")
    await door.click(ALICE, ids.APPROVE)
    told = (await door.told(ALICE))["text"]
    assert "did not confirm" in told
    assert "Nothing was decided" not in told


async def test_something_unforeseen_shows_a_reference_and_never_its_text(door: Door) -> None:
    door.operations.refusal = RuntimeError("password=hunter2")
    await door.click(ALICE, ids.APPROVE)
    text = (await door.told(ALICE))["text"]
    assert "reference" in text
    assert "hunter2" not in text


@pytest.mark.parametrize("value", ["nonsense", '{"i":1}', "[]", '{"i":"x"}'])
async def test_a_button_nobody_can_read_is_answered_and_decides_nothing(door: Door, value: str) -> None:
    await door.click(ALICE, ids.APPROVE, value)
    assert "too old to be understood" in (await door.told(ALICE))["text"]
    assert door.operations.asked == []


async def test_a_button_of_another_time_is_answered(door: Door) -> None:
    await door.click(ALICE, "something_older")
    assert "too old to be understood" in (await door.told(ALICE))["text"]


async def test_skip_cancel_undo_and_every_settlement_reach_the_engine(door: Door) -> None:
    run = ids.run_value(ids.RunRef(run_id=RunId("r-1"), step=StepKey(index=2)))
    await door.click(ALICE, ids.SKIP)
    assert (await door.asked("skip"))[2] == REF
    await door.click(ALICE, ids.CANCEL, run)
    assert (await door.asked("cancel"))[2] == "r-1"
    await door.click(ALICE, ids.UNDO, run)
    assert (await door.asked("undo"))[2] == "r-1"
    for count, (action_id, choice) in enumerate(ids.SETTLE.items(), start=1):
        await door.click(ALICE, action_id)
        assert (await door.asked("settle", times=count))[2] == (REF, choice)
    for count, (action_id, undo_choice) in enumerate(ids.SETTLE_UNDO.items(), start=1):
        await door.click(ALICE, action_id, run)
        asked = await door.asked("settle_undo", times=count)
        assert asked[2] == ("r-1", StepKey(index=2), undo_choice)


async def test_what_people_say_to_a_check_reaches_the_engine(door: Door) -> None:
    of_step = ids.run_value(ids.RunRef(run_id=RunId("r-1"), step=StepKey(index=2)))
    of_run = ids.run_value(ids.RunRef(run_id=RunId("r-1")))
    for count, (action_id, choice) in enumerate(ids.SETTLE_CHECK.items()):
        await door.click(ALICE, action_id, of_step)
        asked = await door.asked("settle_check", times=2 * count + 1)
        assert asked[2] == ("r-1", StepKey(index=2), choice)
        await door.click(ALICE, action_id, of_run)
        assert (await door.asked("settle_check", times=2 * count + 2))[2] == ("r-1", None, choice)


async def test_another_runbook_is_chosen_from_the_menu(door: Door) -> None:
    option = {"text": {"type": "plain_text", "text": "scale-out"}, "value": "scale-out"}
    _, ts = await door.post_button(ids.CHOOSE, type="static_select", options=[option])
    await door.slack.user(ALICE).click(CHANNEL, ts, ids.CHOOSE, choice="scale-out")
    assert (await door.asked("choose"))[2] == ("i-1", "scale-out")


async def test_stopping_finishes_a_decision_that_is_under_way(door: Door) -> None:
    door.operations.pause = asyncio.Event()
    await door.click(ALICE, ids.APPROVE)
    await door.asked("approve")
    stopping = asyncio.create_task(door.door.stop())
    await asyncio.sleep(0.05)
    assert not stopping.done()
    door.operations.pause.set()
    await stopping


async def test_a_decision_that_never_ends_does_not_keep_the_process_alive(door: Door) -> None:
    door.operations.pause = asyncio.Event()
    await door.click(ALICE, ids.APPROVE)
    await door.asked("approve")
    await door.door.stop(timeout_s=0.05)


async def test_a_dry_run_of_a_step_is_told_to_whoever_asked_and_to_nobody_else(door: Door) -> None:
    await door.click(ALICE, ids.DRY_RUN)
    words = (await door.told(ALICE))["text"]
    assert words.startswith("*Dry run of restart: nothing was changed.*")
    assert "replicas: 3 → 4" in words
    assert "restart &lt;it&gt;" in words
    assert door.slack.ephemerals(BOB) == []

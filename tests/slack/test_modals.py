"""The forms over real Socket Mode: opened in time, filled in, answered at the field that is wrong."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.errors import NotPermitted
from bot.sandbox.acme import ALICE
from bot.slack import ids, modals
from tests.slack.desk import CHANNEL
from tests.slack.entrance import REF, Door


async def _modal(door: Door, *, callback_id: str) -> dict[str, Any]:
    def shown() -> dict[str, Any] | None:
        view = door.slack.modal(ALICE)
        return view if view is not None and view["callback_id"] == callback_id else None

    return dict(await door.slack.until(shown, what=f"the form {callback_id}") or {})


async def test_a_rejection_asks_why_and_carries_the_reason(door: Door) -> None:
    await door.click(ALICE, ids.REJECT)
    view = await _modal(door, callback_id=ids.REJECT_FORM)
    await door.slack.user(ALICE).submit(view["id"], {ids.REASON_BLOCK: "wrong host"})
    _, caller, (ref, reason) = await door.asked("reject")
    assert (ref, reason, caller.actor.id) == (REF, "wrong host", ALICE)
    await door.slack.until(lambda: door.slack.modal(ALICE) is None)


async def test_a_reason_of_spaces_is_no_reason_and_the_field_says_so(door: Door) -> None:
    await door.click(ALICE, ids.REJECT)
    view = await _modal(door, callback_id=ids.REJECT_FORM)
    answer = await door.slack.user(ALICE).submit(view["id"], {ids.REASON_BLOCK: "   "})
    assert answer.body["errors"] == {ids.REASON_BLOCK: "say why, in a few words"}
    assert "reject" not in door.operations.names


async def test_whoever_may_not_reject_is_told_before_they_write_why(door: Door) -> None:
    door.operations.refusal = NotPermitted("you are not one of its approvers")
    await door.click(ALICE, ids.REJECT)
    told = await door.slack.until(
        lambda: (view := door.slack.modal(ALICE)) and "approvers" in str(view["blocks"]) and view
    )
    assert told["callback_id"] == "notice"
    assert "You are not one of its approvers." in str(told["blocks"])


async def test_the_reject_form_names_the_step_and_opens_before_anything_is_looked_up(door: Door) -> None:
    door.operations.pause = asyncio.Event()
    await door.click(ALICE, ids.REJECT)
    await _modal(door, callback_id="notice")
    door.operations.pause.set()
    view = await _modal(door, callback_id=ids.REJECT_FORM)
    assert "step scale of runbook scale-out in *prod*" in str(view["blocks"])


async def test_a_refused_rejection_is_told_in_the_form(door: Door) -> None:
    await door.click(ALICE, ids.REJECT)
    view = await _modal(door, callback_id=ids.REJECT_FORM)
    door.operations.refusal = NotPermitted("you are not one of its approvers")
    await door.slack.user(ALICE).submit(view["id"], {ids.REASON_BLOCK: "wrong host"})
    notice = await _modal(door, callback_id="notice")
    assert "You are not one of its approvers." in str(notice["blocks"])


async def test_a_slow_decision_closes_the_form_in_time_and_its_refusal_is_whispered(door: Door) -> None:
    root = await door.click(ALICE, ids.REJECT)
    view = await _modal(door, callback_id=ids.REJECT_FORM)
    door.operations.pause = asyncio.Event()
    door.operations.refusal = NotPermitted("you are not one of its approvers")
    answer = await door.slack.user(ALICE).submit(view["id"], {ids.REASON_BLOCK: "wrong host"})
    assert answer.is_acked
    door.operations.pause.set()
    told = await door.told(ALICE)
    assert (told["text"], told["thread_ts"]) == ("You are not one of its approvers.", root)


async def test_the_edit_form_shows_the_values_of_now_and_sends_what_was_typed(door: Door) -> None:
    await door.click(ALICE, ids.EDIT)
    view = await _modal(door, callback_id=ids.EDIT_FORM)
    assert "'initial_value': '3'" in str(view["blocks"])
    await door.slack.user(ALICE).submit(view["id"], {f"{ids.PARAM_BLOCK}replicas": "5"})
    assert (await door.asked("edit"))[2] == (REF, {"replicas": 5})


async def test_the_edit_form_opens_before_anything_is_looked_up(door: Door) -> None:
    door.operations.pause = asyncio.Event()
    await door.click(ALICE, ids.EDIT)
    await _modal(door, callback_id="notice")
    door.operations.pause.set()
    await _modal(door, callback_id=ids.EDIT_FORM)


async def test_whoever_may_not_edit_reads_why_in_the_form(door: Door) -> None:
    door.operations.refusal = NotPermitted("you may not edit this step")
    await door.click(ALICE, ids.EDIT)
    await door.slack.until(
        lambda: "You may not edit this step." in str((door.slack.modal(ALICE) or {}).get("blocks"))
    )


async def test_a_value_that_does_not_fit_is_told_at_its_field(door: Door) -> None:
    await door.click(ALICE, ids.EDIT)
    view = await _modal(door, callback_id=ids.EDIT_FORM)
    block_id = f"{ids.PARAM_BLOCK}replicas"
    answer = await door.slack.user(ALICE).submit(view["id"], {block_id: "99"})
    assert answer.body["response_action"] == "errors"
    assert set(answer.body["errors"]) == {block_id}
    assert "edit" not in door.operations.names


async def test_the_message_shortcut_starts_a_runbook_in_that_messages_thread(door: Door) -> None:
    ts = door.slack.post_as_app("A1FKYAUUX", CHANNEL, {"text": "Triggered"})
    await door.slack.user(ALICE).shortcut(ids.START_SHORTCUT, CHANNEL, ts)
    view = await _modal(door, callback_id=ids.START_FORM)
    await door.slack.user(ALICE).view_click(view["id"], ids.CHOOSE, choice="scale-out")
    await door.slack.until(lambda: f"{ids.PARAM_BLOCK}replicas" in str(door.slack.modal(ALICE)))
    view = door.slack.modal(ALICE) or {}
    values = {ids.RUNBOOK_BLOCK: {ids.CHOOSE: "scale-out"}, f"{ids.PARAM_BLOCK}replicas": "4"}
    await door.slack.user(ALICE).submit(view["id"], values)
    _, caller, (runbook, start) = await door.asked("start")
    assert (runbook, start.channel, start.thread_ts, start.given) == (
        "scale-out",
        CHANNEL,
        ts,
        {"replicas": "4"},
    )
    assert caller.actor.id == ALICE


def test_a_form_is_answered_well_before_slack_gives_up() -> None:
    assert modals.ANSWER_WITHIN_S <= 2.5

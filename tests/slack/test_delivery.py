"""One incident's thread against a Slack that loses answers, says later, says no, and is down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.intake.incident import Incident, ThreadOpened
from bot.journal.base import Delivery
from bot.runs.plan import Artifact
from bot.runs.state import Run
from bot.sandbox.acme import ALICE
from bot.sandbox.clock import ManualClock
from bot.sandbox.server import Sandbox
from bot.slack.gateway import Gateway
from bot.slack.message import Message
from bot.slack.reconciling import Reconciler
from bot.slack.thread import messages
from tests.slack.desk import (
    CHANNEL,
    INCIDENT,
    Desk,
    HandClock,
    changed,
    journal_in,
    opened,
    root,
    says,
)

BUTTONS = [
    {
        "type": "actions",
        "block_id": "b",
        "elements": [
            {"type": "button", "action_id": "approve_step", "text": {"type": "plain_text", "text": "Approve"}}
        ],
    }
]


async def test_the_root_goes_first_and_replies_stand_under_it_in_order(desk: Desk) -> None:
    await desk.open()
    desk.script = [root(), says("a", "first."), says("b", "second.")]
    assert await desk.reconciler().reconcile() is None
    posted = desk.slack.messages(CHANNEL)
    assert [one["text"] for one in posted] == ["payments are slow.", "first.", "second."]
    assert {one.get("thread_ts") for one in posted[1:]} == {posted[0]["ts"]}


async def test_the_thread_is_opened_once_with_its_permalink(desk: Desk) -> None:
    await desk.open()
    desk.script = [root()]
    await desk.reconciler().reconcile()
    await desk.reconciler().reconcile()
    incident = await desk.incident()
    events = [one for one in incident.events if isinstance(one, ThreadOpened)]
    assert len(events) == 1
    assert events[0].ts == desk.slack.messages(CHANNEL)[0]["ts"]
    assert incident.permalink.startswith(desk.slack.page_url)


async def test_an_incident_that_came_as_a_message_is_answered_under_that_message(desk: Desk) -> None:
    ts = desk.slack.post_as_app("A1FKYAUUX", CHANNEL, {"text": "Triggered"})
    await desk.open(opened(thread_ts=ts))
    desk.script = [says("incident", "context.", live=True), says("a", "first.")]
    await desk.reconciler().reconcile()
    assert [one["text"] for one in desk.slack.thread(CHANNEL, ts)] == ["Triggered", "context.", "first."]
    assert (await desk.incident()).permalink


async def test_a_second_pass_says_nothing(desk: Desk) -> None:
    await desk.open()
    desk.script = [root(), says("a", "first.")]
    await desk.reconciler().reconcile()
    desk.slack.calls.clear()
    await desk.reconciler().reconcile()
    assert [one.method for one in desk.slack.calls] == []


async def test_a_live_message_is_edited_when_it_differs_and_not_before_its_second_is_over(desk: Desk) -> None:
    await desk.open()
    desk.script = [root("one.")]
    here = desk.reconciler()
    await here.reconcile()
    desk.script = [root("two.")]
    again_at = await here.reconcile()
    assert again_at is not None
    assert desk.texts() == ["one."]
    desk.script = [root("three.")]
    desk.clock.pass_(1)
    assert again_at <= desk.clock.now()
    assert await here.reconcile() is None
    assert desk.texts() == ["three."]
    assert len(desk.slack.calls.of("chat.update")) == 1


async def test_a_final_message_is_never_touched_again_whatever_a_later_version_says(desk: Desk) -> None:
    await desk.open()
    desk.script = [root(), says("decision", "alice approved.")]
    await desk.reconciler().reconcile()
    desk.script = [root(), says("decision", "ALICE APPROVED.")]
    desk.clock.pass_(60)
    await desk.reconciler().reconcile()
    assert desk.texts()[1] == "alice approved."
    assert desk.slack.calls.of("chat.update") == []


async def test_spent_buttons_vanish_with_the_last_edit_and_then_it_is_final(desk: Desk) -> None:
    await desk.open()
    desk.script = [root(), says("p", "may this run?", live=True, blocks=BUTTONS)]
    await desk.reconciler().reconcile()
    desk.clock.pass_(5)
    desk.script = [root(), says("p", "alice approved it.")]
    await desk.reconciler().reconcile()
    message = desk.slack.messages(CHANNEL)[1]
    assert (message["text"], message.get("blocks")) == ("alice approved it.", None)
    desk.clock.pass_(5)
    desk.script = [root(), says("p", "reworded by a later version.")]
    await desk.reconciler().reconcile()
    assert desk.texts()[1] == "alice approved it."


@pytest.mark.parametrize("key", ["incident", "a"])
async def test_a_post_whose_answer_was_lost_is_found_and_not_posted_again(desk: Desk, key: str) -> None:
    await desk.open()
    here = desk.reconciler()
    desk.script = [root()] if key == "a" else []
    await here.reconcile()
    desk.script = [root(), says("a", "first."), says("b", "second.")]
    desk.slack.faults.lose_answer("chat.postMessage")
    again_at = await here.reconcile()
    assert again_at is not None
    desk.clock.pass_(2)
    await here.reconcile()
    assert desk.texts() == ["payments are slow.", "first.", "second."]
    assert (await desk.records())[key].ts == desk.slack.messages(CHANNEL)[0 if key == "incident" else 1]["ts"]


@pytest.mark.parametrize("key", ["incident", "a"])
async def test_a_post_that_never_arrived_is_posted_after_looking(desk: Desk, key: str) -> None:
    await desk.open()
    here = desk.reconciler()
    desk.script = [root()] if key == "a" else []
    await here.reconcile()
    desk.script = [root(), says("a", "first."), says("b", "second.")]
    desk.slack.faults.lose_call("chat.postMessage")
    await here.reconcile()
    desk.clock.pass_(2)
    await here.reconcile()
    assert desk.texts() == ["payments are slow.", "first.", "second."]


@pytest.mark.parametrize("is_root", [True, False])
async def test_after_a_crash_between_slacks_answer_and_our_record_nothing_is_said_twice(
    desk: Desk, is_root: bool
) -> None:
    await desk.open()
    desk.script = [root()] if is_root else [root(), says("a", "first.")]
    await desk.reconciler().reconcile()
    key = "incident" if is_root else "a"
    record = (await desk.records())[key]
    root_ts = (await desk.records())["incident"].ts
    await desk.journal.record_delivery(
        Delivery(
            key=key,
            incident_id=INCIDENT,
            place=record.place,
            state="sending",
            channel=CHANNEL,
            ts="" if is_root else root_ts,
            attempts=1,
            updated_at=desk.clock.now(),
        )
    )
    desk.script = [root(), says("a", "first."), says("b", "second.")]
    await desk.reconciler().reconcile()
    assert desk.texts() == ["payments are slow.", "first.", "second."]
    assert (await desk.records())[key].ts == record.ts


async def test_the_same_key_of_another_incident_is_not_taken_for_ours(desk: Desk) -> None:
    await desk.gateway.post(
        CHANNEL,
        text="another incident.",
        metadata={"event_type": "runbook_bot", "event_payload": {"key": "incident", "incident": "i-0"}},
    )
    await desk.open()
    sending = Delivery(
        key="incident",
        incident_id=INCIDENT,
        place="channel",
        state="sending",
        channel=CHANNEL,
        updated_at=desk.clock.now(),
    )
    await desk.journal.record_delivery(sending)
    desk.script = [root()]
    await desk.reconciler().reconcile()
    assert desk.texts() == ["another incident.", "payments are slow."]


async def test_another_apps_message_with_our_metadata_is_not_taken_for_ours(desk: Desk) -> None:
    metadata = {"event_type": "runbook_bot", "event_payload": {"key": "incident", "incident": INCIDENT}}
    desk.slack.post_as_app("A1FKYAUUX", CHANNEL, {"text": "forged", "metadata": metadata})
    await desk.open()
    sending = Delivery(
        key="incident",
        incident_id=INCIDENT,
        place="channel",
        state="sending",
        channel=CHANNEL,
        updated_at=desk.clock.now(),
    )
    await desk.journal.record_delivery(sending)
    desk.script = [root()]
    await desk.reconciler().reconcile()
    assert desk.texts() == ["forged", "payments are slow."]


async def test_looking_that_fails_leaves_the_doubt_and_posts_nothing(desk: Desk) -> None:
    await desk.open()
    here = desk.reconciler()
    desk.script = [root()]
    await here.reconcile()
    desk.script = [root(), says("a", "first.")]
    desk.slack.faults.lose_answer("chat.postMessage")
    await here.reconcile()
    desk.slack.faults.error("conversations.replies", "thread_not_found")
    desk.clock.pass_(2)
    await here.reconcile()
    assert (await desk.records())["a"].state == "sending"
    desk.clock.pass_(61)
    await here.reconcile()
    assert desk.texts() == ["payments are slow.", "first."]


async def test_a_rate_limit_holds_the_thread_for_as_long_as_slack_says_without_knocking(desk: Desk) -> None:
    await desk.open()
    here = desk.reconciler()
    desk.script = [root()]
    await here.reconcile()
    desk.slack.faults.rate_limit("chat.postMessage", retry_after_s=7)
    desk.script = [root(), says("a", "first."), says("b", "second.")]
    again_at = await here.reconcile()
    assert again_at is not None
    assert 6 <= (again_at - desk.clock.now()).total_seconds() <= 7
    desk.clock.pass_(3)
    desk.slack.calls.clear()
    await here.reconcile()
    assert len(desk.slack.calls) == 0
    desk.clock.pass_(5)
    await here.reconcile()
    assert desk.texts() == ["payments are slow.", "first.", "second."]
    assert desk.slack.calls.of("conversations.replies") == []


async def test_slack_down_delays_words_and_the_thread_catches_up_in_order(desk: Desk) -> None:
    await desk.open()
    here = desk.reconciler()
    desk.script = [root()]
    await here.reconcile()
    desk.slack.faults.is_down = True
    desk.script = [root(), *(says(f"k{n}", f"line {n}.") for n in range(5))]
    for _ in range(6):
        await here.reconcile()
        desk.clock.pass_(61)
    desk.slack.faults.is_down = False
    await here.reconcile()
    assert desk.texts() == ["payments are slow.", *(f"line {n}." for n in range(5))]


async def test_a_block_slack_refuses_is_said_as_plain_text_and_the_thread_goes_on(desk: Desk) -> None:
    await desk.open()
    desk.script = [root(), says("a", "first.", blocks=[{"type": "nonsense"}]), says("b", "second.")]
    assert await desk.reconciler().reconcile() is None
    assert desk.texts() == ["payments are slow.", "first.", "second."]


async def test_a_message_slack_never_takes_is_given_up_and_the_thread_goes_on(desk: Desk) -> None:
    await desk.open()
    desk.slack.faults.error("chat.postMessage", "invalid_blocks", times=2)
    desk.script = [says("a", "first."), root(), says("b", "second.")]
    here = desk.reconciler()
    desk.script = [root()]
    desk.slack.faults.clear()
    await here.reconcile()
    desk.script = [root(), says("a", "first."), says("b", "second.")]
    desk.slack.faults.error("chat.postMessage", "invalid_blocks", times=2)
    assert await here.reconcile() is None
    assert desk.texts() == ["payments are slow.", "second."]
    assert (await desk.records())["a"].state == "failed"


async def test_a_channel_the_bot_is_not_in_is_waited_for(desk: Desk) -> None:
    await desk.open(opened(channel="C0GENERAL"))
    here = desk.reconciler()
    desk.script = [root(), says("a", "first.")]
    assert await here.reconcile() is not None
    desk.slack.invite("C0GENERAL", desk.slack.workspace.app.user_id)
    desk.clock.pass_(61)
    await here.reconcile()
    assert desk.texts("C0GENERAL")[-2:] == ["payments are slow.", "first."]


async def test_a_channel_may_be_named_in_words(desk: Desk) -> None:
    await desk.open(opened(channel="#incidents"))
    desk.script = [root()]
    await desk.reconciler().reconcile()
    assert desk.texts() == ["payments are slow."]
    assert (await desk.incident()).place.channel == CHANNEL


async def test_a_direct_message_that_cannot_be_delivered_holds_nothing_back(desk: Desk) -> None:
    await desk.open()
    desk.script = [
        root(),
        says("dm:1", "to nobody.", place="user:U0NOBODY"),
        says("dm:2", "your approval is wanted.", place=f"user:{ALICE}"),
        says("a", "first."),
    ]
    assert await desk.reconciler().reconcile() is None
    assert desk.texts() == ["payments are slow.", "first."]
    assert [one["text"] for one in desk.slack.direct_messages(ALICE)] == ["your approval is wanted."]


async def test_a_direct_message_in_doubt_is_not_sent_twice(desk: Desk) -> None:
    await desk.open()
    here = desk.reconciler()
    desk.script = [root()]
    await here.reconcile()
    desk.script = [root(), says("dm", "your approval is wanted.", place=f"user:{ALICE}")]
    desk.slack.faults.lose_answer("chat.postMessage")
    await here.reconcile()
    desk.clock.pass_(2)
    await here.reconcile()
    assert [one["text"] for one in desk.slack.direct_messages(ALICE)] == ["your approval is wanted."]


def _file(body: bytes = b"all of it\n") -> Artifact:
    return Artifact(name="restart-output.txt", media_type="text/plain", body=body)


async def test_a_file_is_shared_in_the_thread_with_its_sentence(desk: Desk) -> None:
    await desk.open()
    desk.script = [root(), says("file:1", "the whole output.", files=(_file(),)), says("b", "after.")]
    await desk.reconciler().reconcile()
    await desk.until(lambda: len(desk.slack.messages(CHANNEL)) == 3)
    shared = next(one for one in desk.slack.messages(CHANNEL) if one.get("files"))
    assert (shared["text"], shared["files"][0]["name"]) == ("the whole output.", "restart-output.txt")
    assert shared["thread_ts"] == desk.slack.messages(CHANNEL)[0]["ts"]


async def test_an_empty_file_is_a_file_too(desk: Desk) -> None:
    await desk.open()
    desk.script = [root(), says("file:1", "nothing was printed.", files=(_file(b""),))]
    assert await desk.reconciler().reconcile() is None
    await desk.until(lambda: any(one.get("files") for one in desk.slack.messages(CHANNEL)))


async def test_a_file_whose_answer_was_lost_is_found_by_its_title_and_shared_once(desk: Desk) -> None:
    await desk.open()
    here = desk.reconciler()
    desk.script = [root()]
    await here.reconcile()
    desk.script = [root(), says("file:1", "the whole output.", files=(_file(),)), says("b", "after.")]
    desk.slack.faults.lose_answer("files.completeUploadExternal")
    await here.reconcile()
    await desk.until(lambda: any(one.get("files") for one in desk.slack.messages(CHANNEL)))
    desk.clock.pass_(3)
    await here.reconcile()
    assert len([one for one in desk.slack.messages(CHANNEL) if one.get("files")]) == 1
    assert (await desk.records())["file:1"].state == "sent"


async def test_a_file_not_there_yet_is_waited_for_before_it_is_shared_again(desk: Desk) -> None:
    await desk.open()
    here = desk.reconciler()
    desk.script = [root()]
    await here.reconcile()
    desk.script = [root(), says("file:1", "the whole output.", files=(_file(),)), says("b", "after.")]
    desk.slack.faults.lose_call("files.completeUploadExternal")
    await here.reconcile()
    desk.clock.pass_(3)
    assert await here.reconcile() is not None
    assert len(desk.slack.calls.of("files.completeUploadExternal")) == 1
    assert "after." not in desk.texts()
    desk.clock.pass_(20)
    await here.reconcile()
    await desk.until(lambda: any(one.get("files") for one in desk.slack.messages(CHANNEL)))
    assert len(desk.slack.calls.of("files.completeUploadExternal")) == 2


async def test_a_file_that_failed_before_it_was_shared_is_simply_sent_again(desk: Desk) -> None:
    await desk.open()
    here = desk.reconciler()
    desk.script = [root()]
    await here.reconcile()
    desk.script = [root(), says("file:1", "the whole output.", files=(_file(),))]
    desk.slack.faults.lose_answer("files.getUploadURLExternal")
    await here.reconcile()
    assert (await desk.records())["file:1"].state == "failed"
    desk.clock.pass_(2)
    await here.reconcile()
    await desk.until(lambda: any(one.get("files") for one in desk.slack.messages(CHANNEL)))


async def test_a_file_slack_never_takes_is_told_in_words(desk: Desk) -> None:
    await desk.open()
    desk.script = [root(), says("file:1", "the whole output.", files=(_file(),)), says("b", "after.")]
    desk.slack.faults.error("files.getUploadURLExternal", "missing_scope")
    assert await desk.reconciler().reconcile() is None
    assert "(Slack did not take the file: missing_scope.)" in desk.texts()[1]
    assert desk.texts()[2] == "after."


async def test_a_message_somebody_deleted_stays_deleted(desk: Desk) -> None:
    await desk.open()
    desk.script = [root("one."), says("a", "first.")]
    here = desk.reconciler()
    await here.reconcile()
    ts = (await desk.records())["incident"].ts
    desk.slack.workspace.delete(desk.slack.workspace.channels[CHANNEL], ts=ts)
    desk.clock.pass_(2)
    desk.script = [root("two."), says("a", "first.")]
    assert await here.reconcile() is None
    assert "two." not in desk.texts()


async def test_every_message_carries_the_heads_of_the_chains(desk: Desk) -> None:
    await desk.open()
    desk.script = [root()]
    await desk.reconciler().reconcile()
    call = desk.slack.calls.of("chat.postMessage")[0]
    payload = call.args["metadata"]["event_payload"]
    assert payload["incident"] == INCIDENT
    assert set(payload["heads"]) == {"audit", f"incident-{INCIDENT}"}
    witnessed = {stream: (version, digest) for stream, (version, digest) in payload["heads"].items()}
    assert (await desk.journal.verify(witnessed=witnessed)).problems == ()


async def test_the_courier_wakes_on_the_journal_and_rests_when_all_is_said(desk: Desk) -> None:
    courier = desk.courier()
    running = asyncio.create_task(courier.run())
    desk.script = [root()]
    await desk.open()
    await desk.until(lambda: desk.texts() == ["payments are slow."])
    desk.script = [root(), says("a", "first.")]
    await desk.append(changed("a note"))
    await desk.until(lambda: desk.texts() == ["payments are slow.", "first."])
    await courier.stop()
    await running
    assert courier.is_idle


async def test_a_courier_started_late_says_what_was_never_said(desk: Desk) -> None:
    await desk.open()
    desk.script = [root(), says("a", "first.")]
    courier = desk.courier()
    running = asyncio.create_task(courier.run())
    await desk.until(lambda: desk.texts() == ["payments are slow.", "first."])
    await courier.stop()
    await running


async def test_stopping_lets_the_call_under_way_arrive(desk: Desk) -> None:
    await desk.open()
    desk.script = [root()]
    hold = desk.slack.faults.hold_answer("chat.postMessage")
    courier = desk.courier()
    running = asyncio.create_task(courier.run())
    await hold.reached.wait()
    stopping = asyncio.create_task(courier.stop())
    await asyncio.sleep(0)
    hold.release()
    await stopping
    await running
    assert (await desk.records())["incident"].state == "sent"


async def test_stopping_does_not_wait_for_a_silent_slack_and_the_next_start_finds_the_message(
    desk: Desk,
) -> None:
    await desk.open()
    desk.script = [root()]
    hold = desk.slack.faults.hold_answer("chat.postMessage")
    courier = desk.courier()
    running = asyncio.create_task(courier.run())
    await hold.reached.wait()
    await courier.stop(timeout_s=0.05)
    await running
    hold.release()
    assert (await desk.records())["incident"].state == "sending"
    await desk.reconciler().reconcile()
    assert desk.texts() == ["payments are slow."]
    assert (await desk.records())["incident"].state == "sent"


async def test_what_the_thread_really_says_is_taken_by_slack_as_it_is(desk: Desk) -> None:
    await desk.open()
    await desk.append(changed("the *note* of <!channel> somebody"))

    def compose(incident: Incident, runs: Sequence[Run]) -> Sequence[Message]:
        return messages(incident, runs, {}, [("restart-payments", "Restart the service.")])

    here = Reconciler(
        INCIDENT,
        journal=desk.journal,
        ledger=desk.ledger,
        gateway=desk.gateway,
        clock=desk.clock,
        compose=compose,
    )
    assert await here.reconcile() is None
    assert len(desk.texts()) >= 2
    assert all(message.get("blocks") for message in desk.slack.messages(CHANNEL))
    assert [call.error for call in desk.slack.calls if call.error] == []
    assert [message["text"] for message in desk.slack.messages(CHANNEL)] == [
        message.text for message in compose(await desk.incident(), ())
    ]


async def test_an_edit_whose_answer_was_lost_is_made_again_and_is_still_one_message(desk: Desk) -> None:
    await desk.open()
    here = desk.reconciler()
    desk.script = [root("one.")]
    await here.reconcile()
    desk.clock.pass_(2)
    desk.script = [root("two.")]
    desk.slack.faults.lose_answer("chat.update")
    assert await here.reconcile() is not None
    desk.clock.pass_(2)
    assert await here.reconcile() is None
    assert desk.texts() == ["two."]


async def test_after_a_crash_between_sharing_a_file_and_our_record_it_is_not_shared_again(desk: Desk) -> None:
    await desk.open()
    desk.script = [root(), says("file:1", "the whole output.", files=(_file(),))]
    await desk.reconciler().reconcile()
    await desk.until(lambda: any(one.get("files") for one in desk.slack.messages(CHANNEL)))
    root_ts = (await desk.records())["incident"].ts
    sending = Delivery(
        key="file:1",
        incident_id=INCIDENT,
        place="thread",
        state="sending",
        channel=CHANNEL,
        ts=root_ts,
        attempts=1,
        updated_at=desk.clock.now(),
    )
    await desk.journal.record_delivery(sending)
    desk.script.append(says("b", "after."))
    assert await desk.reconciler().reconcile() is None
    assert len([one for one in desk.slack.messages(CHANNEL) if one.get("files")]) == 1
    assert desk.texts()[-1] == "after."


async def test_a_rate_limited_edit_waits_and_sends_only_the_last_words(desk: Desk) -> None:
    await desk.open()
    here = desk.reconciler()
    desk.script = [root("one.")]
    await here.reconcile()
    desk.slack.faults.rate_limit("chat.update", retry_after_s=9)
    for words in ("two.", "three.", "four."):
        desk.clock.pass_(2)
        desk.script = [root(words), says("a", "a decision is not held up.")]
        await here.reconcile()
    assert desk.texts() == ["one.", "a decision is not held up."]
    desk.clock.pass_(9)
    assert await here.reconcile() is None
    assert desk.texts()[0] == "four."
    assert len(desk.slack.calls.of("chat.update")) == 2


async def test_under_slacks_real_limits_a_burst_arrives_whole_and_in_order(
    tmp_path: Path, clock: HandClock
) -> None:
    theirs = ManualClock(start=clock.now().timestamp())
    async with Sandbox(clock=theirs, rate_limits="slack") as slack, journal_in(tmp_path) as journal:
        gateway = Gateway.open(slack.bot_token, base_url=slack.base_url, clock=clock)
        here = Desk(journal=journal, slack=slack, gateway=gateway, clock=clock)
        await here.open()
        here.script = [root(), *(says(f"k{n}", f"line {n}.") for n in range(12))]
        reconciler = here.reconciler()
        for _ in range(60):
            again_at = await reconciler.reconcile()
            if again_at is None:
                break
            clock.pass_(1)
            theirs.advance(1)
        await gateway.close()
        assert here.texts() == ["payments are slow.", *(f"line {n}." for n in range(12))]
        assert any(call.error == "ratelimited" for call in slack.calls)


async def test_a_live_message_that_moved_on_while_its_answer_was_lost_is_found_and_then_edited(
    desk: Desk,
) -> None:
    await desk.open()
    desk.script = [root("one.")]
    desk.slack.faults.lose_answer("chat.postMessage")
    await desk.reconciler().reconcile()
    desk.script = [root("two.")]
    here = desk.reconciler()
    desk.clock.pass_(2)
    await here.reconcile()
    desk.clock.pass_(2)
    await here.reconcile()
    assert desk.texts() == ["two."]
    assert len(desk.slack.calls.of("chat.postMessage")) == 1

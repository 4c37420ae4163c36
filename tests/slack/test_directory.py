"""Who people are and which groups they are in: five minutes, then Slack again, and no guess when it cannot say."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.sandbox.acme import ALICE, BOB, GONE, NO_EMAIL, ONCALL
from bot.slack.directory import SlackDirectory
from tests.slack.desk import Desk


@pytest.fixture
def directory(desk: Desk) -> SlackDirectory:
    return SlackDirectory(desk.gateway, clock=desk.clock)


async def test_a_group_is_read_once_in_five_minutes_however_many_ask(
    desk: Desk, directory: SlackDirectory
) -> None:
    answers = await asyncio.gather(*(directory.membership(ONCALL) for _ in range(20)))
    desk.clock.pass_(299)
    answers.append(await directory.membership(ONCALL))
    assert {answer.user_ids for answer in answers} == {frozenset({ALICE, BOB})}
    assert len(desk.slack.calls.of("usergroups.users.list")) == 1


async def test_after_five_minutes_it_is_read_again(desk: Desk, directory: SlackDirectory) -> None:
    await directory.membership(ONCALL)
    desk.slack.workspace.groups[ONCALL].users[:] = [BOB]
    desk.clock.pass_(301)
    assert (await directory.membership(ONCALL)).user_ids == {BOB}


async def test_without_slack_the_old_reading_comes_with_its_age_and_the_reason(
    desk: Desk, directory: SlackDirectory
) -> None:
    first = await directory.membership(ONCALL)
    desk.clock.pass_(301)
    desk.slack.faults.is_down = True
    answer = await directory.membership(ONCALL)
    assert answer.read_at == first.read_at
    assert "usergroups.users.list" in answer.error


async def test_a_group_that_was_never_read_has_no_members_and_a_reason(
    desk: Desk, directory: SlackDirectory
) -> None:
    answer = await directory.membership("S0NOBODY")
    assert (answer.user_ids, answer.read_at) == (frozenset(), None)
    assert "no_such_subteam" in answer.error


async def test_a_disabled_group_has_no_members(desk: Desk, directory: SlackDirectory) -> None:
    desk.slack.workspace.groups[ONCALL].is_disabled = True
    assert (await directory.membership(ONCALL)).error


async def test_a_change_during_a_reading_makes_it_read_again(desk: Desk, directory: SlackDirectory) -> None:
    hold = desk.slack.faults.hold_answer("usergroups.users.list")
    reading = asyncio.create_task(directory.membership(ONCALL))
    await hold.reached.wait()
    desk.slack.workspace.groups[ONCALL].users[:] = [BOB]
    directory.forget_group(ONCALL)
    hold.release()
    assert (await reading).user_ids == {BOB}


async def test_a_reading_is_as_old_as_its_question(desk: Desk, directory: SlackDirectory) -> None:
    asked_at = desk.clock.now()
    hold = desk.slack.faults.hold_answer("usergroups.users.list")
    reading = asyncio.create_task(directory.membership(ONCALL))
    await hold.reached.wait()
    desk.clock.pass_(20)
    hold.release()
    assert (await reading).read_at == asked_at


async def test_an_email_finds_its_member_whatever_its_case(desk: Desk, directory: SlackDirectory) -> None:
    assert await directory.user_id_of("Alice@ACME.example") == ALICE
    assert await directory.user_id_of("nobody@acme.example") == ""
    assert await directory.user_id_of("") == ""
    desk.slack.faults.is_down = True
    assert await directory.user_id_of("bob@acme.example") == ""


async def test_a_deactivated_member_is_barred(directory: SlackDirectory) -> None:
    assert (await directory.caller_of({"id": GONE})).barred == "your account is deactivated"


async def test_an_app_is_barred(desk: Desk, directory: SlackDirectory) -> None:
    bot = desk.slack.workspace.app.user_id
    assert (await directory.caller_of({"id": bot})).barred == "apps may not decide"


async def test_a_single_channel_guest_is_barred(desk: Desk, directory: SlackDirectory) -> None:
    users = desk.slack.workspace.users
    users[BOB] = replace(users[BOB], is_ultra_restricted=True)
    assert (await directory.caller_of({"id": BOB})).barred == "guests may not decide"


async def test_a_click_that_says_another_workspace_is_barred(directory: SlackDirectory) -> None:
    caller = await directory.caller_of({"id": ALICE, "team_id": "T0OTHER"})
    assert caller.barred == "a member of another workspace may not decide"


async def test_nobody_is_barred(directory: SlackDirectory) -> None:
    assert (await directory.caller_of({})).barred


async def test_a_person_is_their_email_in_lower_case_or_their_account(
    desk: Desk, directory: SlackDirectory
) -> None:
    users = desk.slack.workspace.users
    users[ALICE] = replace(users[ALICE], email="Alice@Acme.Example")
    assert (await directory.caller_of({"id": ALICE})).actor.person == "alice@acme.example"
    assert (await directory.caller_of({"id": NO_EMAIL})).actor.person == f"slack:{NO_EMAIL}"


async def test_somebody_who_became_a_guest_is_noticed_within_five_minutes(
    desk: Desk, directory: SlackDirectory
) -> None:
    assert (await directory.caller_of({"id": BOB})).barred == ""
    users = desk.slack.workspace.users
    users[BOB] = replace(users[BOB], is_restricted=True)
    desk.clock.pass_(301)
    assert (await directory.caller_of({"id": BOB})).barred == "guests may not decide"


async def test_a_group_is_called_by_its_handle_and_without_one_its_members_still_count(
    desk: Desk, directory: SlackDirectory
) -> None:
    assert (await directory.membership(ONCALL)).handle == "oncall"
    desk.clock.pass_(301)
    desk.slack.faults.fail("usergroups.list", times=50)
    answer = await directory.membership(ONCALL)
    assert (answer.handle, answer.user_ids, answer.error) == ("", frozenset({ALICE, BOB}), "")
    await directory.membership(ONCALL)
    assert len(desk.slack.calls.of("usergroups.list")) <= 5, (
        "a list that cannot be read is not asked for at each click"
    )

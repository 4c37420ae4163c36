"""What a failed call says is known, and which calls are asked again."""

from __future__ import annotations

import pytest

from bot.runs.plan import Artifact
from bot.sandbox.server import Sandbox
from bot.slack.calls import SlackTrouble
from bot.slack.gateway import Gateway, Posted
from tests.slack.desk import CHANNEL, HandClock


async def _trouble(gateway: Gateway) -> SlackTrouble:
    with pytest.raises(SlackTrouble) as caught:
        await gateway.post(CHANNEL, text="hello")
    return caught.value


async def test_a_post_is_asked_once_whatever_happens_to_its_answer(slack: Sandbox, gateway: Gateway) -> None:
    slack.faults.lose_answer("chat.postMessage", times=3)
    assert (await _trouble(gateway)).maybe_done
    assert len(slack.calls.of("chat.postMessage")) == 1
    assert len(slack.messages(CHANNEL)) == 1


async def test_slacks_no_is_certain_and_carries_its_word(slack: Sandbox, gateway: Gateway) -> None:
    slack.faults.error("chat.postMessage", "not_in_channel")
    trouble = await _trouble(gateway)
    assert (trouble.error, trouble.maybe_done, trouble.retry_after_s) == ("not_in_channel", False, None)
    assert "invite the bot" in str(trouble)


@pytest.mark.parametrize("word", ["internal_error", "fatal_error", "request_timeout"])
async def test_slack_breaking_on_its_side_leaves_doubt(slack: Sandbox, gateway: Gateway, word: str) -> None:
    slack.faults.error("chat.postMessage", word)
    assert (await _trouble(gateway)).maybe_done


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_error_leaves_doubt(slack: Sandbox, gateway: Gateway, status: int) -> None:
    slack.faults.fail("chat.postMessage", status=status)
    assert (await _trouble(gateway)).maybe_done


async def test_nobody_listening_is_certainly_not_done(clock: HandClock) -> None:
    async with Sandbox() as gone:
        base_url = gone.base_url
    gateway = Gateway.open("xoxb-sandbox-bot", base_url=base_url, clock=clock)
    trouble = await _trouble(gateway)
    await gateway.close()
    assert (trouble.maybe_done, trouble.error) == (False, "")
    assert "could not be reached" in str(trouble)


async def test_a_rate_limit_is_kept_for_its_channel_and_nobody_knocks_meanwhile(
    slack: Sandbox, gateway: Gateway, clock: HandClock
) -> None:
    slack.faults.rate_limit("chat.postMessage", retry_after_s=30)
    assert (await _trouble(gateway)).retry_after_s == 30
    clock.pass_(10)
    again = await _trouble(gateway)
    assert again.retry_after_s is not None
    assert 19 <= again.retry_after_s <= 20
    assert len(slack.calls.of("chat.postMessage")) == 1
    await gateway.post("G0PRIVATE", text="another channel is not held up")
    clock.pass_(21)
    await gateway.post(CHANNEL, text="now")


async def test_a_read_is_asked_again_after_a_cut_and_after_a_short_wait(
    slack: Sandbox, gateway: Gateway
) -> None:
    slack.faults.lose_answer("users.info")
    slack.faults.fail("users.info")
    told = await gateway.read("users.info", user="U01ALICE")
    assert told["user"]["name"] == "alice"
    assert len(slack.calls.of("users.info")) == 3


async def test_a_read_that_slack_refuses_is_not_asked_again(slack: Sandbox, gateway: Gateway) -> None:
    with pytest.raises(SlackTrouble, match="user_not_found"):
        await gateway.read("users.info", user="U0NOBODY")
    assert len(slack.calls.of("users.info")) == 1


async def test_a_missing_scope_is_named(slack: Sandbox, gateway: Gateway) -> None:
    with pytest.raises(SlackTrouble, match="files:read"):
        await gateway.read("files.info", file="F1")


async def test_messages_are_posted_without_unfurling_and_edited_in_place(
    slack: Sandbox, gateway: Gateway
) -> None:
    posted = await gateway.post(CHANNEL, text="one")
    call = slack.calls.of("chat.postMessage")[0]
    assert (call.args["unfurl_links"], call.args["unfurl_media"]) == (False, False)
    await gateway.edit(posted, text="two")
    assert slack.message(CHANNEL, posted.ts)["text"] == "two"
    assert (await gateway.permalink(posted)).startswith(slack.page_url)


async def test_a_long_thread_is_read_page_by_page(slack: Sandbox, gateway: Gateway) -> None:
    root = await gateway.post(CHANNEL, text="root")
    for n in range(450):
        slack.post_as_app("A1FKYAUUX", CHANNEL, {"text": f"reply {n}", "thread_ts": root.ts})
    read = [message["text"] async for message in gateway.messages(CHANNEL, thread_ts=root.ts)]
    assert len(set(read)) == 451


async def test_a_large_file_goes_up_whole(slack: Sandbox, gateway: Gateway) -> None:
    body = b"line\n" * 400_000
    file = Artifact(name="long.txt", media_type="text/plain", body=body)
    await gateway.upload(CHANNEL, files=[("long.txt", file)], text="all of it")
    await slack.until(lambda: slack.messages(CHANNEL))
    assert slack.messages(CHANNEL)[0]["files"][0]["size"] == len(body)


async def test_a_picture_goes_up_with_what_it_shows_in_words(slack: Sandbox, gateway: Gateway) -> None:
    file = Artifact(
        name="check.png", media_type="image/png", body=b"\x89PNG", alt="Errors fell from 12 to 0."
    )
    await gateway.upload(CHANNEL, files=[("check.png", file)], text="look")
    await slack.until(lambda: slack.messages(CHANNEL))
    [shown] = slack.messages(CHANNEL)[0]["files"]
    assert shown["alt_txt"] == "Errors fell from 12 to 0."
    assert shown["mimetype"] == "image/png"


async def test_an_edit_of_nothing_is_refused(gateway: Gateway) -> None:
    with pytest.raises(SlackTrouble, match="message_not_found"):
        await gateway.edit(Posted(channel=CHANNEL, ts="1.000001"), text="x")

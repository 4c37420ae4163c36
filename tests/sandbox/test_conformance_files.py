"""Files as Slack takes them: three steps, and a message that comes a moment after the answer."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.acme import INCIDENTS
from bot.sandbox.clock import ManualClock
from bot.sandbox.server import Sandbox
from tests.sandbox.apps import client_of, error_of


async def test_a_file_is_shared_in_its_thread_with_its_comment(
    slack: Sandbox, client: AsyncWebClient
) -> None:
    root = await client.chat_postMessage(channel=INCIDENTS, text="root")
    answer = await client.files_upload_v2(
        channel=INCIDENTS,
        thread_ts=root["ts"],
        filename="output.log",
        title="Output",
        content="line 1\nline 2\n",
        initial_comment="all of it",
    )
    await slack.until(lambda: slack.thread(INCIDENTS, root["ts"])[1:])
    message = slack.thread(INCIDENTS, root["ts"])[1]
    (file,) = message["files"]
    assert (message["subtype"], message["text"]) == ("file_share", "all of it")
    assert (file["id"], file["title"], file["preview"]) == (
        answer["file"]["id"],
        "Output",
        "line 1\nline 2\n",
    )


async def test_sharing_is_asynchronous(timed: Sandbox, clock: ManualClock) -> None:
    client = client_of(timed)
    answer = await client.files_upload_v2(channel=INCIDENTS, filename="a.txt", content="a")
    assert answer["file"]["shares"] == {"public": {}}
    assert timed.messages(INCIDENTS) == []
    clock.advance(1)
    assert len(timed.messages(INCIDENTS)) == 1
    file = timed.workspace.files.get(answer["file"]["id"])
    assert [one["ts"] for one in file.shares[INCIDENTS]] == [timed.messages(INCIDENTS)[0]["ts"]]


async def test_the_old_upload_method_is_gone(client: AsyncWebClient) -> None:
    assert await error_of(client.api_call("files.upload", data={"content": "x"})) == "unknown_method"


async def test_a_file_without_bytes_or_promise_cannot_be_completed(client: AsyncWebClient) -> None:
    promise = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    empty = client.files_completeUploadExternal(files=[{"id": promise["file_id"]}], channel_id=INCIDENTS)
    assert await error_of(empty) == "file_not_found"
    unknown = client.files_completeUploadExternal(files=[{"id": "F0NONE"}], channel_id=INCIDENTS)
    assert await error_of(unknown) == "file_not_found"
    assert (
        await error_of(client.files_getUploadURLExternal(filename="a.txt", length=0)) == "invalid_arguments"
    )


async def test_a_file_is_shared_only_where_the_app_is_a_member(client: AsyncWebClient) -> None:
    promise = await client.files_getUploadURLExternal(filename="a.txt", length=1)
    form = aiohttp.FormData()
    form.add_field("file", b"x", filename="a.txt")
    async with aiohttp.ClientSession() as session, session.post(promise["upload_url"], data=form) as response:
        assert response.status == 200
    shared = client.files_completeUploadExternal(files=[{"id": promise["file_id"]}], channel_id="C0GENERAL")
    assert await error_of(shared) == "not_in_channel"


@pytest.mark.parametrize(
    ("token", "status"), [("xoxb-sandbox-bot", 200), ("", 403), ("xoxb-sandbox-no", 403)]
)
async def test_a_private_url_wants_the_token(
    slack: Sandbox, client: AsyncWebClient, token: str, status: int
) -> None:
    answer = await client.files_upload_v2(channel=INCIDENTS, filename="a.txt", content="secret-free")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = answer["file"]["url_private"]
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        assert response.status == status
        assert (await response.text() == "secret-free") == (status == 200)

"""Nobody but this machine gets in, no other site's page does, and a real token is never taken."""

from __future__ import annotations

import json

import aiohttp
import pytest

from bot.sandbox.gate import looks_real
from bot.sandbox.server import Sandbox
from tests.sandbox.apps import client_of, refusal

# Made of parts, so that no scanner takes them for leaked ones.
REAL = [
    "xoxb-" + "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx",
    "xoxp-" + "123456789012-1234567890123-1234567890123-abc",
    "xapp-" + "1-A0123456789-1234567890123-abcdef",
    "xoxe." + "xoxp-1-abc",
]


@pytest.mark.parametrize("token", REAL, ids=["bot", "user", "app", "rotating"])
async def test_a_token_that_looks_real_is_refused_everywhere(slack: Sandbox, token: str) -> None:
    assert looks_real(token)
    with pytest.raises(ValueError, match="looks like a real Slack token"):
        Sandbox(bot_token=token)
    body = await refusal(client_of(slack).auth_test(token=token))
    assert body["error"] == "invalid_auth"
    assert "looks like a real one" in body["response_metadata"]["messages"][0]
    assert token not in repr(list(slack.calls))


async def test_sandbox_tokens_do_not_look_real(slack: Sandbox) -> None:
    assert not looks_real(slack.bot_token)
    assert not looks_real(slack.app_token)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.com"])
async def test_it_listens_on_this_machine_only(host: str) -> None:
    with pytest.raises(ValueError, match="this machine only"):
        await Sandbox().start(host)


async def _status(slack: Sandbox, path: str, **headers: str) -> int:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    async with (
        aiohttp.ClientSession() as session,
        session.get(slack.page_url + path, headers=named) as response,
    ):
        return response.status


@pytest.mark.parametrize("path", ["", "page/workspace", "page/live?as=U01ALICE", "api/auth.test", "link/"])
async def test_a_rebound_host_name_or_another_origin_is_refused(slack: Sandbox, path: str) -> None:
    port = slack.page_url.rpartition(":")[2].strip("/")
    assert await _status(slack, path, Host=f"evil.example:{port}") == 403
    assert await _status(slack, path, Host="evil.example") == 403
    assert await _status(slack, path, Origin="http://evil.example") == 403
    assert await _status(slack, path, Origin="null") == 403
    assert await _status(slack, path, Origin=f"http://127.0.0.1:{int(port) - 1}") == 403


async def test_a_request_a_browser_says_is_cross_site_is_refused_unless_it_is_a_visit(slack: Sandbox) -> None:
    assert await _status(slack, "page/home?as=U01ALICE", Sec_Fetch_Site="cross-site") == 403
    assert await _status(slack, "page/home?as=U01ALICE", Sec_Fetch_Site="same-origin") == 200
    assert await _status(slack, "", Sec_Fetch_Site="cross-site") in (200, 404)
    assert (
        await _status(
            slack, "page/workspace", Host=f"localhost:{slack.page_url.rpartition(':')[2].strip('/')}"
        )
        == 200
    )


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/json"}, "{}"),
        ({"X-Sandbox": "1", "Content-Type": "text/plain"}, "{}"),
        ({"X-Sandbox": "1", "Content-Type": "application/x-www-form-urlencoded"}, "do=post"),
    ],
)
async def test_an_act_needs_what_only_the_page_can_send(
    slack: Sandbox, headers: dict[str, str], body: str
) -> None:
    url = f"{slack.page_url}page/act"
    async with aiohttp.ClientSession() as session, session.post(url, headers=headers, data=body) as response:
        assert response.status == 403
        assert json.loads(await response.text())["error"] == "forbidden"


@pytest.mark.parametrize(
    "name", ["../server.py", "..%2fserver.py", "%2e%2e/server.py", "app.py", ".", "x/../../gate.py"]
)
async def test_only_the_page_s_own_files_are_served(slack: Sandbox, name: str) -> None:
    assert await _status(slack, f"page/{name}") == 404

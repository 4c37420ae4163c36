"""The way in by HTTP: what is signed gets in, whatever else comes is its sender's fault and never a 5xx."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.sandbox.acme import ALICE
from bot.slack import ids
from bot.slack.http_mode import BODY_LIMIT_BYTES
from bot.slack.manifest import REQUEST_PATH
from tests.slack.desk import CHANNEL, Desk
from tests.slack.entrance import Door
from tests.slack.recording import Recording


class Street:
    """The door over HTTP, and somebody who can send it anything."""

    def __init__(self, inside: Door, url: str, session: aiohttp.ClientSession) -> None:
        self.inside = inside
        self.url = url
        self._session = session

    def signed(self, body: bytes, *, at: float | None = None) -> dict[str, str]:
        moment = str(int(self.inside.desk.clock.now().timestamp() if at is None else at))
        secret = self.inside.slack.signing_secret.encode()
        digest = hmac.new(secret, b"v0:" + moment.encode() + b":" + body, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": moment, "X-Slack-Signature": f"v0={digest}"}

    async def send(self, body: bytes, headers: dict[str, str], *, form: bool = False) -> int:
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        given = {"Content-Type": kind, **headers}
        async with self._session.post(self.url, data=io.BytesIO(body), headers=given) as answer:
            return answer.status


@pytest.fixture
async def street(desk: Desk, operations: Recording) -> AsyncIterator[Street]:
    inside = Door(desk, operations, mode="http")
    await inside.door.start()
    app = inside.door.web_app()
    assert app is not None
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}{REQUEST_PATH}"
    async with aiohttp.ClientSession() as session:
        yield Street(inside, url, session)
    await inside.door.stop()
    await runner.cleanup()


TEAM = "T0ACME"


async def test_slack_takes_the_address_and_clicks_commands_and_events_come_in(street: Street) -> None:
    inside = street.inside
    await inside.slack.use_http(street.url)
    await inside.click(ALICE, ids.APPROVE)
    await inside.asked("approve")
    await inside.slack.user(ALICE).command("/runbook start restart-payments", CHANNEL)
    await inside.asked("start")
    await inside.slack.user(ALICE).post(CHANNEL, "<@U0RUNBOT>")
    assert "What I can do" in (await inside.told(ALICE))["text"]


async def test_a_form_is_answered_over_http_too(street: Street) -> None:
    inside = street.inside
    await inside.slack.use_http(street.url)
    await inside.click(ALICE, ids.REJECT)
    view = await inside.slack.until(lambda: inside.slack.modal(ALICE))
    assert view is not None
    answer = await inside.slack.user(ALICE).submit(view["id"], {ids.REASON_BLOCK: " "})
    assert answer.body["response_action"] == "errors"


SAMPLE = Path(__file__).parents[1] / "samples" / "slack" / "pd_slack_app_triggered.json"
EVENT = json.dumps(
    {"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_home_opened"}}
).encode()


async def test_a_signed_event_is_taken(street: Street) -> None:
    assert await street.send(EVENT, street.signed(EVENT)) == 200


async def test_unsigned_mis_signed_and_old_requests_are_401(street: Street) -> None:
    now = street.inside.desk.clock.now().timestamp()
    assert await street.send(EVENT, {}) == 401
    assert await street.send(EVENT + b" ", street.signed(EVENT)) == 401
    assert await street.send(EVENT, street.signed(EVENT, at=now - 301)) == 401
    assert await street.send(EVENT, street.signed(EVENT, at=now + 301)) == 401
    good = street.signed(EVENT)
    assert await street.send(EVENT, {**good, "X-Slack-Signature": "v0=" + "0" * 64}) == 401


@pytest.mark.parametrize(
    ("timestamp", "signature"),
    [
        ("soon", "v0=00"),
        ("9" * 400, "v0=00"),
        ("1e9", "v0=00"),
        ("-1", "v0=00"),
        ("1793697190", "v0=é"),
        ("", ""),
    ],
)
async def test_headers_that_break_the_sdks_verifier_are_401(
    street: Street, timestamp: str, signature: str
) -> None:
    headers = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}
    assert await street.send(EVENT, headers) == 401


async def test_a_command_or_click_that_is_replayed_does_nothing_again(street: Street) -> None:
    def command(text: str, trigger: str) -> bytes:
        said = {"command": "/runbook", "text": text, "user_id": ALICE, "trigger_id": trigger}
        return urlencode({**said, "channel_id": CHANNEL, "team_id": TEAM}).encode()

    first = command("start restart-payments", "1.1.a")
    other = command("start restart-payments --dry-run", "1.1.b")
    headers = street.signed(first)
    assert await street.send(first, headers, form=True) == 200
    await street.inside.asked("start")
    assert await street.send(first, headers, form=True) == 200
    assert await street.send(other, street.signed(other), form=True) == 200
    await street.inside.asked("start", times=2)
    assert [what[1].dry_run for _, _, what in street.inside.operations.asked] == [False, True]


async def test_a_body_that_is_not_utf8_is_401(street: Street) -> None:
    body = b'{"type": "\xff\xfe"}'
    assert await street.send(body, street.signed(body)) == 401


async def test_a_huge_body_is_413_announced_or_not(street: Street) -> None:
    body = b" " * (BODY_LIMIT_BYTES + 1)
    assert await street.send(body, street.signed(body)) == 413

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65536

    async with street._session.post(street.url, data=pieces()) as answer:
        assert answer.status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"17",
        b"{",
        b'{"type":"event_callback"}',
        b'{"type":"event_callback","event":[]}',
        b'{"type":"event_callback","event":"x","event_id":1}',
        b'{"type":"block_actions"}',
        b'{"type":"block_actions","actions":[1],"user":"x"}',
        b'{"type":"view_submission","view":[]}',
        b"[" * 100_000,
        b'{"type":"event_callback","event_id":"e","event":{"type":"message","bot_id":"B1","channel":{}}}',
    ],
)
async def test_signed_nonsense_is_never_5xx_and_never_an_effect(street: Street, body: bytes) -> None:
    assert await street.send(body, street.signed(body)) < 500
    form = urlencode({"payload": body.decode()}).encode()
    assert await street.send(form, street.signed(form), form=True) < 500
    assert street.inside.operations.asked == []
    assert await street.inside.desk.journal.unanswered() == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "event",
                    "event_id",
                    "actions",
                    "action_id",
                    "user",
                    "channel",
                    "view",
                    "id",
                    "message",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    ["event_callback", "block_actions", "view_submission", "message_action", "shortcut", ""]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=JSON, kind=KINDS, form=st.booleans())
async def test_no_shape_of_a_signed_body_makes_a_5xx(
    street: Street, body: Any, kind: str, form: bool
) -> None:
    if isinstance(body, dict):
        body = {**body, "type": kind}
    text = json.dumps(body)
    raw = urlencode({"payload": text}).encode() if form else text.encode()
    assert await street.send(raw, street.signed(raw), form=form) < 500


async def test_an_event_that_cannot_be_stored_is_503_so_that_slack_sends_it_again(street: Street) -> None:
    body = SAMPLE.read_bytes()
    await street.inside.desk.journal.close()
    assert await street.send(body, street.signed(body)) == 503

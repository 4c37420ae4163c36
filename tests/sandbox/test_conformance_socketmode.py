"""Socket Mode as Slack runs it, met by the SDK's own client: one of many connections, retries, recycling."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.acme import ALICE, INCIDENTS
from bot.sandbox.clock import ManualClock
from bot.sandbox.server import Sandbox
from tests.fakes.patience import PATIENCE_S
from tests.sandbox.apps import client_of, close, connected, error_of, settled
from tests.sandbox.blocks import actions, button

SAMPLES = Path(__file__).parent.parent / "samples" / "slack"
ENVELOPES = json.loads((SAMPLES / "socket_envelopes.json").read_text())


class Listening:
    """An SDK socket client that writes down what it is sent, and acknowledges when told to."""

    def __init__(self, sandbox: Sandbox, *, is_answering: bool = True) -> None:
        self.sandbox = sandbox
        self.is_answering = is_answering
        self.heard: list[SocketModeRequest] = []
        web_client = AsyncWebClient(token=sandbox.app_token, base_url=sandbox.base_url)
        self.client = SocketModeClient(app_token=sandbox.app_token, web_client=web_client, ping_interval=0.05)
        self.client.socket_mode_request_listeners.append(self._hear)
        self._something = asyncio.Event()

    async def __aenter__(self) -> Listening:
        count = self.sandbox.sockets.connection_count
        await self.client.connect()  # type: ignore[no-untyped-call]  # the SDK has no types here
        await self.sandbox.until(lambda: self.sandbox.sockets.connection_count > count)
        return self

    async def __aexit__(self, *_: object) -> None:
        await close(self.client)

    async def until_heard(self, count: int) -> None:
        while len(self.heard) < count:
            self._something.clear()
            await asyncio.wait_for(self._something.wait(), PATIENCE_S)

    async def _hear(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self.heard.append(request)
        self._something.set()
        if self.is_answering:
            await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))


async def delivered(sandbox: Sandbox, count: int) -> None:
    """Wait until this many tries have ended."""
    await sandbox.until(lambda: len(sandbox.deliveries) == count)


async def test_a_connection_is_greeted_with_hello(slack: Sandbox) -> None:
    asker = AsyncWebClient(base_url=slack.base_url)
    url = (await asker.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        hello = await socket.receive_json()
    assert (hello["type"], hello["num_connections"]) == ("hello", 1)
    assert hello["connection_info"] == {"app_id": "A0RUNBOT"}
    expected = ENVELOPES["hello"]
    assert (set(hello), set(hello["debug_info"])) == (set(expected), set(expected["debug_info"]))


async def test_envelopes_have_slack_s_shape(slack: Sandbox) -> None:
    asker = AsyncWebClient(base_url=slack.base_url)
    url = (await asker.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.receive_json()
        await slack.user(ALICE).post(INCIDENTS, "hi")
        event = await socket.receive_json()
        assert (set(event), event["type"]) == (set(ENVELOPES["events_api"]), "events_api")
        await socket.send_json({"envelope_id": event["envelope_id"]})
        typing = asyncio.create_task(slack.user(ALICE).command("/runbook list", INCIDENTS))
        command = await socket.receive_json()
        assert set(command) == set(ENVELOPES["interactive"])
        assert (command["type"], command["accepts_response_payload"]) == ("slash_commands", True)
        await socket.send_json({"envelope_id": command["envelope_id"], "payload": {"text": "none"}})
        assert (await typing).body == {"text": "none"}
        await slack.quiet()


async def test_a_bad_app_token_opens_no_connection_and_says_so(slack: Sandbox) -> None:
    asker = AsyncWebClient(base_url=slack.base_url)
    assert await error_of(asker.apps_connections_open(app_token="xapp-sandbox-other")) == "invalid_auth"


async def test_each_payload_goes_to_one_of_the_connections(slack: Sandbox) -> None:
    async with Listening(slack) as one, Listening(slack) as other:
        for number in range(6):
            await slack.user(ALICE).post(INCIDENTS, str(number))
        await slack.until(lambda: len(slack.deliveries) == 6)
        texts = [request.payload["event"]["text"] for request in [*one.heard, *other.heard]]
        assert sorted(texts) == ["0", "1", "2", "3", "4", "5"]
        assert one.heard
        assert other.heard


async def test_an_app_has_at_most_ten_connections(slack: Sandbox) -> None:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        asker = AsyncWebClient(base_url=slack.base_url)
        for _ in range(11):
            url = (await asker.apps_connections_open(app_token=slack.app_token))["url"]
            socket = await stack.enter_async_context(session.ws_connect(url))
            first = await socket.receive_json()
        assert first == {
            "type": "disconnect",
            "reason": "too_many_websockets",
            "debug_info": first["debug_info"],
        }
        assert slack.sockets.connection_count == 10


async def test_an_event_without_acknowledgement_comes_again_at_once_after_a_minute_and_after_five(
    timed: Sandbox, clock: ManualClock
) -> None:
    async with Listening(timed, is_answering=False) as app:
        await timed.user(ALICE).post(INCIDENTS, "hello?")
        for attempt, pause_s in enumerate((0, 60, 300, 0), start=1):
            await app.until_heard(attempt)
            await settled(clock, timers=2)
            clock.advance(3)
            await delivered(timed, attempt)
            if pause_s:
                await settled(clock, timers=2)
                clock.advance(pause_s)
        assert timed.deliveries[-1].answer.reason == "timeout"
    assert len({request.payload["event_id"] for request in app.heard}) == 1
    assert [request.retry_attempt for request in app.heard] == [0, 1, 2, 3]
    assert [request.retry_reason for request in app.heard] == ["", "timeout", "timeout", "timeout"]


async def test_a_retry_may_be_the_only_delivery_that_arrives(timed: Sandbox, clock: ManualClock) -> None:
    await timed.user(ALICE).post(INCIDENTS, "nobody is there yet")
    await delivered(timed, 2)
    assert timed.deliveries[0].answer.reason == "no_connection"
    async with Listening(timed) as app:
        await settled(clock, timers=2)
        clock.advance(60)
        await app.until_heard(1)
    assert app.heard[0].retry_attempt == 2


async def test_the_same_event_can_arrive_twice_and_bolt_lets_both_through(slack: Sandbox) -> None:
    app = AsyncApp(client=client_of(slack))
    seen: list[str] = []

    @app.event("message")
    async def listen(body: dict[str, Any]) -> None:
        seen.append(body["event_id"])
        slack.workspace.changes.wake()

    async with connected(slack, app):
        await slack.user(ALICE).post(INCIDENTS, "once")
        (event_id,) = await slack.until(lambda: list(seen))
        slack.deliver_again(event_id)
        await slack.until(lambda: len(seen) == 2)
    assert seen == [event_id, event_id]


async def test_an_exception_in_middleware_is_no_acknowledgement_and_the_event_comes_again() -> None:
    async with Sandbox(ack_timeout_s=0.2) as slack:
        app = AsyncApp(client=client_of(slack))
        attempts: list[int] = []
        heard: list[str] = []

        @app.use
        async def keep(next: Any) -> None:  # Bolt finds the argument by this name
            attempts.append(len(attempts))
            if len(attempts) == 1:
                raise OSError("the disk is full")
            await next()

        @app.event("message")
        async def listen(event: dict[str, Any]) -> None:
            heard.append(event["text"])
            slack.workspace.changes.wake()

        async with connected(slack, app):
            await slack.user(ALICE).post(INCIDENTS, "keep me")
            await slack.until(lambda: heard)
    assert heard == ["keep me"]
    assert len(attempts) == 2


async def test_a_connection_is_warned_and_then_refreshed(timed: Sandbox, clock: ManualClock) -> None:
    asker = AsyncWebClient(base_url=timed.base_url)
    url = (await asker.apps_connections_open(app_token=timed.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        assert (await socket.receive_json())["type"] == "hello"
        clock.advance(18_050)
        assert (await socket.receive_json())["reason"] == "warning"
        await settled(clock, timers=1)
        clock.advance(10)
        assert (await socket.receive_json())["reason"] == "refresh_requested"
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize("how", ["warn", "recycle", "cut"])
async def test_the_sdk_comes_back_after_recycling_and_after_a_cut(slack: Sandbox, how: str) -> None:
    async with Listening(slack) as app:
        first = app.client.wss_uri
        if how == "warn":
            await slack.sockets.warn()
        elif how == "recycle":
            await slack.sockets.recycle()
        else:
            slack.sockets.cut()
        await slack.until(lambda: app.client.wss_uri != first and slack.sockets.connection_count == 1)
        await slack.user(ALICE).post(INCIDENTS, "still there?")
        await slack.until(lambda: any(one.answer.is_acked for one in slack.deliveries))
    assert app.heard[-1].payload["event"]["text"] == "still there?"


async def test_an_event_on_a_connection_that_dies_is_sent_again_on_another(slack: Sandbox) -> None:
    async with Listening(slack, is_answering=False) as silent:
        await slack.user(ALICE).post(INCIDENTS, "who takes this?")
        await silent.until_heard(1)
        async with Listening(slack) as other:
            silent.client.auto_reconnect_enabled = False
            session = silent.client.current_session
            assert session is not None
            await session.close()
            await other.until_heard(1)
    assert [request.retry_attempt for request in other.heard] == [1]


async def test_a_socket_url_opens_one_connection_and_then_none(slack: Sandbox) -> None:
    asker = AsyncWebClient(base_url=slack.base_url)
    url = (await asker.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as socket:
            await socket.receive_json()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_after_a_failed_handshake_the_sdk_retries_the_same_dead_url_until_it_is_taken_away(
    slack: Sandbox,
) -> None:
    slack.faults.refuse_sockets = True
    web_client = AsyncWebClient(token=slack.app_token, base_url=slack.base_url)
    client = SocketModeClient(app_token=slack.app_token, web_client=web_client, ping_interval=0.01)
    connecting = asyncio.create_task(client.connect())  # type: ignore[no-untyped-call]  # the SDK has no types here
    await slack.until(lambda: slack.sockets.refused_count == 1)
    dead = client.wss_uri
    slack.faults.refuse_sockets = False
    await slack.until(lambda: slack.sockets.refused_count == 5)
    assert client.wss_uri == dead
    assert slack.sockets.connection_count == 0
    assert len(slack.calls.of("apps.connections.open")) == 1
    client.wss_uri = None
    await asyncio.wait_for(connecting, PATIENCE_S)
    assert slack.sockets.connection_count == 1
    await close(client)


async def test_a_click_nobody_acknowledges_is_told_to_the_person_and_not_tried_again(
    timed: Sandbox, clock: ManualClock
) -> None:
    toasts: list[str] = []
    timed.workspace.changes.listen(
        lambda change: toasts.append(change.body["text"]) if change.kind == "toast" else None
    )
    sent = await client_of(timed).chat_postMessage(channel=INCIDENTS, text="x", blocks=[actions(button())])
    async with Listening(timed, is_answering=False) as app:
        click = asyncio.create_task(timed.user(ALICE).click(INCIDENTS, sent["ts"], "go"))
        await app.until_heard(1)
        await settled(clock, timers=2)
        clock.advance(3)
        answer = await click
        clock.advance(600)
    assert (answer.is_acked, answer.reason) == (False, "timeout")
    assert toasts == ["This app took too long to respond."]
    assert len([one for one in timed.deliveries if one.kind == "interactive"]) == 1
    assert app.heard[0].accepts_response_payload is True

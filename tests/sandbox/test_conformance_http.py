"""Signed HTTP delivery as Slack does it, met by Bolt's own HTTP mode: signatures, retries, one URL for all."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier

from bot.sandbox.acme import ALICE, INCIDENTS
from bot.sandbox.clock import ManualClock
from bot.sandbox.server import Sandbox
from tests.sandbox.apps import client_of, listening, serving, settled
from tests.sandbox.blocks import actions, button, modal


class Recorder:
    """A request URL that writes down what came, and answers as it is told to."""

    def __init__(self, *statuses: int, **headers: str) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self._statuses = list(statuses)
        self._headers = {key.replace("_", "-"): value for key, value in headers.items()}
        self.app = web.Application()
        self.app.router.add_post("/slack/events", self._take)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((dict(request.headers), await request.read()))
        status = self._statuses.pop(0) if self._statuses else 200
        return web.Response(status=status, headers=self._headers)


def _bolt(slack: Sandbox) -> AsyncApp:
    return AsyncApp(client=client_of(slack), signing_secret=slack.signing_secret)


async def test_the_request_url_has_to_echo_slack_s_challenge(slack: Sandbox) -> None:
    async with listening(_bolt(slack)) as url:
        await slack.use_http(url)
    async with serving(Recorder().app) as root:
        with pytest.raises(ValueError, match="did not answer Slack's challenge"):
            await slack.use_http(f"{root}/slack/events")


async def test_every_request_is_signed(slack: Sandbox) -> None:
    recorder = Recorder()
    async with serving(recorder.app) as root:
        await slack.use_http(f"{root}/slack/events", is_verified=False)
        await slack.user(ALICE).post(INCIDENTS, "hi")
        await slack.until(lambda: slack.deliveries)
    ((headers, body),) = recorder.requests
    verifier = SignatureVerifier(slack.signing_secret)
    assert verifier.is_valid_request(body, headers)
    assert not verifier.is_valid_request(body + b" ", headers)


async def test_events_clicks_commands_and_views_come_to_one_url(slack: Sandbox) -> None:
    app = _bolt(slack)
    seen: list[str] = []

    @app.event("message")
    async def message(event: dict[str, Any]) -> None:
        seen.append(f"event {event['text']}")

    @app.action("go")
    async def go(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        seen.append(f"click {body['actions'][0]['action_id']}")

    @app.command("/runbook")
    async def command(ack: Any, body: dict[str, Any], client: Any) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=modal())
        await ack(f"you typed {body['text']}")

    @app.view("ask")
    async def view(ack: Any, body: dict[str, Any]) -> None:
        await ack(response_action="errors", errors={"why": "say more"})
        seen.append(body["view"]["state"]["values"]["why"]["text"]["value"])

    errors: list[Any] = []
    slack.workspace.changes.listen(
        lambda change: errors.append(change.body) if change.kind == "view_errors" else None
    )
    alice = slack.user(ALICE)
    async with listening(app) as url:
        await slack.use_http(url)
        ts = slack.post_as_app("A0RUNBOT", INCIDENTS, {"text": "x", "blocks": [actions(button())]})
        await alice.post(INCIDENTS, "hi")
        assert (await alice.click(INCIDENTS, ts, "go")).is_acked
        assert (await alice.command("/runbook list all", INCIDENTS)).is_acked
        assert alice.modal is not None
        assert (await alice.submit(alice.modal["id"], {"why": "because"})).is_acked
        await slack.until(lambda: "event hi" in seen)
    assert {"click go", "because"} <= set(seen)
    assert [one["text"] for one in alice.ephemerals] == ["you typed list all"]
    assert errors == [{"why": "say more"}]
    assert alice.modal is not None


async def test_a_refused_event_comes_again_at_once_after_a_minute_and_after_five(
    timed: Sandbox, clock: ManualClock
) -> None:
    recorder = Recorder(500, 500, 500, 500, 500)
    async with serving(recorder.app) as root:
        await timed.use_http(f"{root}/slack/events", is_verified=False)
        await timed.user(ALICE).post(INCIDENTS, "hi")
        await timed.until(lambda: len(timed.deliveries) == 2)
        await settled(clock, timers=1)
        clock.advance(60)
        await timed.until(lambda: len(timed.deliveries) == 3)
        await settled(clock, timers=1)
        clock.advance(300)
        await timed.until(lambda: len(timed.deliveries) == 4)
        clock.advance(3600)
    headers = [one for one, _ in recorder.requests]
    assert [one.get("X-Slack-Retry-Num") for one in headers] == [None, "1", "2", "3"]
    assert [one.get("X-Slack-Retry-Reason") for one in headers] == [None, *["http_error"] * 3]
    assert len({body for _, body in recorder.requests}) == 1


async def test_an_app_can_ask_not_to_be_told_again(slack: Sandbox) -> None:
    recorder = Recorder(500, X_Slack_No_Retry="1")
    async with serving(recorder.app) as root:
        await slack.use_http(f"{root}/slack/events", is_verified=False)
        await slack.user(ALICE).post(INCIDENTS, "hi")
        await slack.quiet()
    assert len(recorder.requests) == 1


async def test_a_click_on_an_app_that_errs_is_told_to_the_person_and_not_tried_again(slack: Sandbox) -> None:
    recorder = Recorder(500)
    toasts: list[str] = []
    slack.workspace.changes.listen(
        lambda change: toasts.append(change.body["text"]) if change.kind == "toast" else None
    )
    ts = slack.post_as_app("A0RUNBOT", INCIDENTS, {"text": "x", "blocks": [actions(button())]})
    async with serving(recorder.app) as root:
        await slack.use_http(f"{root}/slack/events", is_verified=False)
        answer = await slack.user(ALICE).click(INCIDENTS, ts, "go")
    assert answer.reason == "http_error"
    assert toasts == ["This app responded with an error."]
    assert len([one for one in slack.deliveries if one.kind == "interactive"]) == 1


async def test_the_sandbox_delivers_to_this_machine_only(slack: Sandbox) -> None:
    with pytest.raises(ValueError, match="this machine only"):
        await slack.use_http("https://hooks.example.com/slack/events")

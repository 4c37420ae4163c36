"""The Web API's door: reads a call, knows its caller, counts it, lets faults happen, answers in Slack's words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping

from aiohttp import web

from bot.sandbox import arguments, gate
from bot.sandbox.arguments import Args
from bot.sandbox.calls import Call, CallLog
from bot.sandbox.faults import Fault, Faults
from bot.sandbox.members import App
from bot.sandbox.protocol import Json, SlackError
from bot.sandbox.rates import RateLimits
from bot.sandbox.workspace import Workspace

Method = Callable[[Args], Json]

SCOPES = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "chat.delete": "chat:write",
    "chat.postEphemeral": "chat:write",
    "reactions.add": "reactions:write",
    "users.info": "users:read",
    "users.list": "users:read",
    "users.lookupByEmail": "users:read.email",
    "usergroups.list": "usergroups:read",
    "usergroups.users.list": "usergroups:read",
    "bots.info": "users:read",
    "team.info": "team:read",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
    "files.info": "files:read",
}
"""What a method needs whatever its arguments; `conversations.*` look at the kind of conversation themselves."""

APP_METHODS = {"apps.connections.open"}
EITHER_TOKEN = {"auth.test"}


def need_scope(app: App, scope: str) -> None:
    """Raises `missing_scope`, saying which and what the app has."""
    if scope not in app.scopes:
        raise SlackError("missing_scope", needed=scope, provided=",".join(app.scopes))


def without_metadata(message: Json) -> Json:
    """As methods show a message unless `include_all_metadata` asks for more."""
    return (
        {key: value for key, value in message.items() if key != "metadata"}
        if "metadata" in message
        else message
    )


class WebApi:
    """Answers `/api/METHOD`; `methods` do the work, everything around it is here."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        methods: Mapping[str, Method],
        tokens: gate.Tokens,
        rates: RateLimits,
        faults: Faults,
        calls: CallLog,
    ) -> None:
        self._workspace = workspace
        self._methods = methods
        self._tokens = tokens
        self._rates = rates
        self._faults = faults
        self._calls = calls

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call; what goes wrong inside Slack's rules is 200 with `ok: false`, as in Slack."""
        method = request.match_info["method"]
        if self._faults.is_down:
            return web.Response(status=503, text="upstream connect error")
        try:
            given, token = await arguments.read(request)
        except SlackError as refused:
            return _answer(refused.as_json())
        args = Args(given)
        call = Call(method=method, args=args.shown(), at=self._workspace.clock.now())
        self._calls.add(call)
        fault = self._faults.take(method)
        if fault is not None:
            response = await self._before(fault, request, call)
            if response is not None:
                self._workspace.changes.wake()
                return response
        response = self._done(call, args, token)
        if fault is not None:
            await self._after(fault, request)
        self._workspace.changes.wake()
        return response

    def require_bot(self, request: web.Request) -> None:
        """For files behind a token; raises `not_authed` or `invalid_auth`."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        self._check_token(token.strip() if scheme.lower() == "bearer" else "", method="files.info")

    def _done(self, call: Call, args: Args, token: str) -> web.Response:
        try:
            self._check_token(token, method=call.method)
            perform = self._methods.get(call.method)
            if perform is None:
                raise SlackError("unknown_method", req_method=call.method)
            wait_s = self._rates.refusal(call.method, args.given, now=call.at)
            if wait_s is not None:
                call.error = "ratelimited"
                return _rate_limited(wait_s)
            if scope := SCOPES.get(call.method):
                need_scope(self._workspace.app, scope)
            call.answer = {"ok": True, **perform(args)}
        except SlackError as refused:
            call.error, call.answer = refused.error, refused.as_json()
        return _answer(call.answer, scopes=self._workspace.app.scopes)

    def _check_token(self, token: str, *, method: str) -> None:
        if not token:
            raise SlackError("not_authed")
        if gate.looks_real(token):
            raise SlackError(
                "invalid_auth",
                "this is a local sandbox and the token looks like a real one: point it at Slack instead",
            )
        kind = self._tokens.kind_of(token)
        if kind is None:
            raise SlackError("invalid_auth")
        if method not in EITHER_TOKEN and (kind == "app") != (method in APP_METHODS):
            raise SlackError("not_allowed_token_type")

    async def _before(self, fault: Fault, request: web.Request, call: Call) -> web.StreamResponse | None:
        match fault.kind:
            case "hold" if fault.hold is not None:
                self._workspace.changes.wake()
                await fault.hold.wait()
            case "status":
                call.error = f"http_{fault.status}"
                return web.Response(status=fault.status, text="Internal Server Error")
            case "error":
                call.error, call.answer = fault.error, SlackError(fault.error).as_json()
                return _answer(call.answer)
            case "rate_limit":
                call.error = "ratelimited"
                return _rate_limited(fault.retry_after_s)
            case "lose_call":
                call.error = "connection_lost"
                return _cut(request)
        return None

    async def _after(self, fault: Fault, request: web.Request) -> None:
        if fault.kind == "hold_answer" and fault.hold is not None:
            self._workspace.changes.wake()
            await fault.hold.wait()
        elif fault.kind == "lose_answer":
            _cut(request)
            await asyncio.sleep(0)


def _answer(body: Json, *, scopes: tuple[str, ...] = ()) -> web.Response:
    headers = {"x-oauth-scopes": ",".join(scopes)} if scopes else None
    return web.Response(body=json.dumps(body).encode(), content_type="application/json", headers=headers)


def _rate_limited(wait_s: int) -> web.Response:
    return web.json_response(
        {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": str(wait_s)}
    )


def _cut(request: web.Request) -> web.Response:
    """Drop the connection without a word; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()

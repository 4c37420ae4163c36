"""One HTTP request: who asks, what for, what goes wrong on purpose, what the world says; and the record of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from bot.sandbox.cluster import tables
from bot.sandbox.cluster.discovery import OPENAPI_V2, document
from bot.sandbox.cluster.faults import Fault, Faults
from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.logs import Logs
from bot.sandbox.cluster.paths import Call, understood
from bot.sandbox.cluster.refusals import Refusal, bad_request, unauthorized, unsupported_media
from bot.sandbox.cluster.requests import Request, RequestLog
from bot.sandbox.cluster.rights import Rights
from bot.sandbox.cluster.verbs import Answer, Verbs
from bot.sandbox.cluster.watching import Watch
from bot.sandbox.cluster.world import World

_PROXY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"
_TORN = '{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"ap'


class Http:
    """The handler of every path."""

    def __init__(
        self, world: World, *, verbs: Verbs, rights: Rights, faults: Faults, log: RequestLog, logs: Logs
    ) -> None:
        self._world, self._verbs, self._rights = world, verbs, rights
        self._faults, self._log, self._logs = faults, log, logs
        self.token = secrets.token_urlsafe(16)
        self.needs_token = False
        """Without TLS kubectl sends none, so none is asked for; a wrong one is refused all the same."""
        self.bookmark_every_s = 60.0
        self._watches_end = asyncio.Event()
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Let go of everything that waits."""
        self._stopped.set()
        self.end_watches()

    def end_watches(self) -> None:
        """Every open watch ends, as when a server goes away; clients are to watch again."""
        self._watches_end.set()
        self._watches_end = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer, whatever comes."""
        try:
            self._check_token(request)
            known = document(request.path) if request.method == "GET" else None
            if known is not None:
                return _document(request, known)
            if request.path in ("/healthz", "/livez", "/readyz"):
                return web.Response(text="ok")
            return await self._answer(request)
        except Refusal as refusal:
            return _refused(refusal)

    def _check_token(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "")
        is_right = secrets.compare_digest(given.encode(), f"Bearer {self.token}".encode())
        if not is_right and (given or self.needs_token):
            raise unauthorized()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        call = understood(request.method, request.path, request.query)
        entry = Request(
            verb=call.verb,
            resource=call.resource,
            namespace=call.namespace,
            name=call.name,
            query=dict(call.query),
            at=asyncio.get_running_loop().time(),
            media=request.content_type if request.can_read_body else "",
            agent=request.headers.get("User-Agent", ""),
        )
        self._log.add(entry)
        try:
            entry.body, call = await _with_body(request, call)
            if self._faults.latency_s:
                await asyncio.sleep(self._faults.latency_s)
            if self._faults.gate is not None:
                await self._faults.gate.wait()
            response = await self._met(request, call, entry)
        except Refusal as refusal:
            response = _refused(refusal)
        is_gone = request.transport is None or request.transport.is_closing()
        entry.code = 0 if is_gone else response.status
        return response

    async def _met(self, request: web.Request, call: Call, entry: Request) -> web.StreamResponse:
        """The answer, or what a fault makes of it."""
        fault = self._faults.take(verb=call.verb, resource=call.resource, name=call.name)
        if call.verb == "watch" and (fault is None or (fault.kind == "cut" and fault.is_done)):
            self._rights.check(call)
            return await self._watch(request, call, entry, is_cut=fault is not None)
        if fault is None:
            return self._do(request, call)
        if fault.is_done:
            with contextlib.suppress(Refusal):
                self._do(request, call)
        return await self._spoilt(request, fault)

    def _do(self, request: web.Request, call: Call) -> web.Response:
        self._rights.check(call)
        if call.subresource == "log":
            pod = self._world.get("pods", (call.namespace, call.name))
            return web.Response(text=self._logs.read(pod, call.query, now=self._world.now()))
        answer = self._verbs.answer(call)
        is_object = call.subresource in ("", "status")
        if is_object and call.verb in ("get", "list") and _wants_table(request):
            return self._table(call, answer)
        if (
            is_object
            and call.verb == "get"
            and "as=PartialObjectMetadata;" in request.headers.get("Accept", "")
        ):
            return web.json_response(tables.metadata_alone(answer.body))
        return web.Response(text=answer.text(), status=answer.code, content_type="application/json")

    def _table(self, call: Call, answer: Answer) -> web.Response:
        is_list = answer.records is not None
        bodies = [record.body for record in answer.records or ()] if is_list else [answer.body]
        metadata = answer.body["metadata"] if is_list else {}
        made = tables.table(call.kind, bodies, now=self._world.now(), metadata=metadata)
        return web.json_response(made)

    async def _watch(
        self, request: web.Request, call: Call, entry: Request, *, is_cut: bool
    ) -> web.StreamResponse:
        watch = Watch(
            call,
            world=self._world,
            verbs=self._verbs,
            as_table=_wants_table(request),
            bookmark_every_s=self.bookmark_every_s,
            ended=self._watches_end,
        )
        try:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            entry.code = 200
            await response.prepare(request)
            await response.write(b"")
            async for line in watch.lines():
                await response.write(line)
                if is_cut:
                    _cut(request)
                    return response
            await response.write_eof()
        except ConnectionError:
            return response
        finally:
            watch.close()
        return response

    async def _spoilt(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        match fault.kind:
            case "status":
                return _refused(
                    Refusal(fault.code, fault.reason, fault.message, retry_after_s=fault.retry_after_s)
                )
            case "garbage":
                return web.Response(text=_TORN, content_type="application/json")
            case "proxy_page":
                return web.Response(text=_PROXY_PAGE, status=fault.code, content_type="text/html")
            case "silence":
                # The client's end of the connection cancels this handler; otherwise the server's own end does.
                await self._stopped.wait()
            case "cut":
                pass
        _cut(request)
        return web.Response(status=500)


async def _with_body(request: web.Request, call: Call) -> tuple[object, Call]:
    if not request.can_read_body:
        return None, call
    media = request.content_type
    if "json" not in media and media != "application/octet-stream":
        raise unsupported_media(media)
    text = await request.read()
    try:
        body = json.loads(text) if text else None
    except ValueError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    return body, replace(call, body=body, media=media)


def _wants_table(request: web.Request) -> bool:
    return tables.is_wanted(request.headers.get("Accept", ""))


def _document(request: web.Request, known: Json) -> web.Response:
    if request.path.rstrip("/") == "/openapi/v2" and "protobuf" in request.headers.get("Accept", ""):
        media = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
        return web.Response(body=OPENAPI_V2, headers={"Content-Type": media})
    return web.json_response(known)


def _refused(refusal: Refusal) -> web.Response:
    headers: Mapping[str, str] = {"Retry-After": str(refusal.retry_after_s)} if refusal.retry_after_s else {}
    return web.json_response(refusal.body(), status=refusal.code, headers=headers)


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()

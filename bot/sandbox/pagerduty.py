"""A stand-in for PagerDuty's REST API v2: incidents, their notes and who is on call, with faults to inject.

As strict as the real one where a client could go wrong: token, `Accept`, `Content-Type` and a `From` that is one of
its users are required for changes, and acknowledging what is resolved opens it again. What was changed is told to
`on_change`, so that whoever plays PagerDuty can send its webhooks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from aiohttp import web

ACCEPT = "application/vnd.pagerduty+json;version=2"
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class PagerUser:
    """One user of the account."""

    id: str
    name: str
    email: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """What somebody changed: `acknowledged`, `resolved`, `reopened` or `annotated`."""

    kind: str
    incident: Json
    by: PagerUser
    content: str = ""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One answer in place of the right one; `after` lets the change happen before the answer goes wrong."""

    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False
    is_cut: bool = False
    """Close the connection instead of answering."""
    only: Literal["", "GET", "POST", "PUT"] = ""


class PagerDutyApi:
    """Listens on a free port of 127.0.0.1 while it is entered (or between `start` and `stop`)."""

    def __init__(
        self,
        users: Iterable[PagerUser],
        *,
        token: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._users = {user.email: user for user in users}
        self._token = token
        self._now = now
        self._runner: web.AppRunner | None = None
        self._telling: set[asyncio.Future[None]] = set()
        self.incidents: dict[str, Json] = {}
        self.notes: dict[str, list[Json]] = {}
        self.alerts: dict[str, list[Json]] = {}
        self.on_call: list[Json] = []
        self.asked: list[tuple[str, str, Json]] = []
        """Every request for a change: method, path, body (with `From` as `from`)."""
        self.faults: list[Fault] = []
        self.on_change: Callable[[Change], Awaitable[None]] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/incidents", self._list)
        app.router.add_get("/incidents/{id}", self._show)
        app.router.add_get("/incidents/{id}/alerts", self._show_alerts)
        app.router.add_get("/incidents/{id}/notes", self._show_notes)
        app.router.add_post("/incidents/{id}/notes", self._note)
        app.router.add_put("/incidents/{id}", self._put)
        app.router.add_get("/services/{id}", self._service)
        app.router.add_get("/oncalls", self._on_calls)
        app.middlewares.append(self._at_the_door)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close; harmless when it never started."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for telling in self._telling:
            telling.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)

    async def __aenter__(self) -> PagerDutyApi:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # ------------------------------------------------------------ what happens there

    def open(self, incident: Json) -> None:
        """An incident as its webhook shows it; one that is known is replaced."""
        at = self._now().isoformat()
        self.incidents[incident["id"]] = {
            "status": "triggered",
            "created_at": at,
            "last_status_change_at": at,
            **incident,
        }
        self.notes.setdefault(incident["id"], [])

    def change(self, incident_id: str, status: str, **more: Any) -> Json:
        """Somebody changes its status, with nobody told but those who read it."""
        incident = self.incidents[incident_id]
        incident |= {"status": status, "last_status_change_at": self._now().isoformat(), **more}
        return incident

    def written(self) -> list[str]:
        """Everything that was changed through the API, a line each, for transcripts."""
        return [
            f"{method} {path} {json.dumps(body, ensure_ascii=False)}" for method, path, body in self.asked
        ]

    # ------------------------------------------------------------ the door

    @web.middleware
    async def _at_the_door(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        fault = next((one for one in self.faults if one.only in ("", request.method)), None)
        if fault is not None:
            self.faults.remove(fault)
            if fault.after:
                await handler(request)
            if fault.is_cut and request.transport is not None:
                request.transport.close()
            return web.Response(status=fault.status, headers=fault.headers)
        if request.headers.get("Authorization") != f"Token token={self._token}":
            return _error(401, 2006, "Unauthorized")
        if request.headers.get("Accept") != ACCEPT:
            return _error(406, 2001, "Accept names no version of this API")
        return await handler(request)

    async def _changing(self, request: web.Request) -> tuple[Json, PagerUser] | web.Response:
        """The body and who asks; or what is wrong with either."""
        if request.content_type != "application/json":
            return _error(415, 2001, "send JSON")
        body = await request.json()
        sender = request.headers.get("From", "")
        self.asked.append((request.method, request.path, {**body, "from": sender}))
        if not sender:
            return _error(400, 2016, 'You must specify a user\'s email address in the "From" header')
        user = self._users.get(sender)
        return _error(400, 1008, "Requester User Not Found") if user is None else (body, user)

    def _tell(self, change: Change) -> None:
        if self.on_change is not None:
            telling = asyncio.ensure_future(self.on_change(change))
            self._telling.add(telling)
            telling.add_done_callback(self._told)

    def _told(self, telling: asyncio.Future[None]) -> None:
        self._telling.discard(telling)
        if not telling.cancelled():
            telling.exception()  # a webhook that nobody takes is nobody's trouble here

    # ------------------------------------------------------------ reading

    async def _list(self, request: web.Request) -> web.Response:
        wanted = request.query.getall("statuses[]", [])
        found = [one for one in self.incidents.values() if not wanted or one["status"] in wanted]
        start, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 25))
        more = start + limit < len(found)
        return web.json_response({"incidents": found[start : start + limit], "more": more})

    async def _show(self, request: web.Request) -> web.Response:
        incident = self.incidents.get(request.match_info["id"])
        return web.json_response({"incident": incident}) if incident else _not_found()

    async def _show_alerts(self, request: web.Request) -> web.Response:
        return web.json_response({"alerts": self.alerts.get(request.match_info["id"], []), "more": False})

    async def _show_notes(self, request: web.Request) -> web.Response:
        notes = self.notes.get(request.match_info["id"])
        return web.json_response({"notes": notes}) if notes is not None else _not_found()

    async def _service(self, request: web.Request) -> web.Response:
        policy = {"id": "PESCPAY", "type": "escalation_policy_reference"}
        return web.json_response({"service": {"id": request.match_info["id"], "escalation_policy": policy}})

    async def _on_calls(self, _request: web.Request) -> web.Response:
        return web.json_response({"oncalls": self.on_call, "more": False})

    # ------------------------------------------------------------ changing

    async def _note(self, request: web.Request) -> web.Response:
        asked = await self._changing(request)
        if isinstance(asked, web.Response):
            return asked
        body, user = asked
        incident_id = request.match_info["id"]
        content = body.get("note", {}).get("content")
        if incident_id not in self.incidents:
            return _not_found()
        if not isinstance(content, str) or not content:
            return _error(400, 2001, "Invalid Input Provided")
        note = {
            "id": f"PNOTE{len(self.notes[incident_id]):03d}",
            "user": {"id": user.id, "type": "user_reference", "summary": user.name},
            "content": content,
            "created_at": self._now().isoformat(),
        }
        self.notes[incident_id].append(note)
        self._tell(Change(kind="annotated", incident=self.incidents[incident_id], by=user, content=content))
        return web.json_response({"note": note})

    async def _put(self, request: web.Request) -> web.Response:
        asked = await self._changing(request)
        if isinstance(asked, web.Response):
            return asked
        body, user = asked
        incident = self.incidents.get(request.match_info["id"])
        if incident is None:
            return _not_found()
        wanted = body.get("incident", {})
        if wanted.get("type") not in ("incident", "incident_reference"):
            return _error(400, 2001, "Invalid Input Provided")
        status = wanted.get("status")
        if status not in ("acknowledged", "resolved"):
            return _error(400, 2001, "Invalid Input Provided")
        kind = "reopened" if incident["status"] == "resolved" and status == "acknowledged" else status
        if incident["status"] != status:
            assignee = {"id": user.id, "type": "user_reference", "summary": user.name}
            self.change(incident["id"], status, assignees=[] if status == "resolved" else [assignee])
            self._tell(Change(kind=kind, incident=incident, by=user))
        return web.json_response({"incident": incident})


def _error(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "code": code}}, status=status)


def _not_found() -> web.Response:
    return _error(404, 2100, "Not Found")

"""`/metrics` for Prometheus, and the middleware that counts what this server is asked.

Routes become labels by the address they are declared under, never by the one that was asked for.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from bot.api.auth import VIEWER
from bot.api.doors import Doors
from bot.api.errors import Handler
from bot.api.routing import Answer, Ask, Nothing, Returns, Route, route
from bot.errors import NotPermitted
from bot.telemetry.metrics import OTHER, Metrics

_PATH, _SUMMARY, _SECTION = "/metrics", "Tell Prometheus", "Health"
_ANSWERS = (Returns(200, str, "every metric, in Prometheus' text format", media_type="text/plain"),)
_WEBHOOKS = {
    "/webhooks/pagerduty": "pagerduty",
    "/webhooks/alertmanager": "alertmanager",
    "/api/v1/events": "events",
}


@route("GET", _PATH, summary=_SUMMARY, section=_SECTION, role=VIEWER, answers=_ANSWERS, refuses=(403,))
async def metrics(doors: Doors, ask: Ask[Nothing, Nothing]) -> Answer:
    """Counters, gauges and histograms of all teams, so the token must be for all teams. `BOT_METRICS_ACCESS=open`
    lets in whoever reaches this address."""
    if ask.caller.tenants is not None:
        raise NotPermitted(
            "these numbers are of all teams, and the token is not",
            hint="mint a viewer's token for every team",
        )
    return Answer(content=await asyncio.to_thread(doors.metrics.exposition))


@route("GET", _PATH, summary=_SUMMARY, section=_SECTION, entry="open", answers=_ANSWERS)
async def open_metrics(doors: Doors, _ask: Ask[Nothing, Nothing]) -> Answer:
    """Counters, gauges and histograms, for whoever reaches this address."""
    return Answer(content=await asyncio.to_thread(doors.metrics.exposition))


def metrics_route(doors: Doors, declared: Route) -> Route:
    """The route as it is served: `/metrics` without a door where the settings say so, any other as it is declared."""
    return open_metrics if declared is metrics and doors.metrics_are_open else declared


def counted(numbers: Metrics) -> Middleware:
    """Counts every request and how long it took, also those that were refused."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.monotonic()
        status = 500
        try:
            answer = await handler(request)
            status = answer.status
        except web.HTTPException as refusal:
            status = refusal.status
            raise
        finally:
            _count(numbers, request, status, time.monotonic() - began)
        return answer

    return count


def _count(numbers: Metrics, request: web.Request, status: int, seconds: float) -> None:
    resource = request.match_info.route.resource
    name = resource.canonical if resource is not None else OTHER
    method = request.method if request.method in hdrs.METH_ALL else OTHER
    numbers.count("runbook_http_requests_total", route=name, method=method, status=str(status))
    numbers.took("runbook_http_request_seconds", seconds, route=name)
    if name in _WEBHOOKS and request.method == "POST":
        result = "accepted" if status < 400 else "refused" if status < 500 else "failed"
        numbers.count("runbook_webhooks_total", source=_WEBHOOKS[name], result=result)

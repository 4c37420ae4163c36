"""The API's table of addresses, and the application that serves them.

    POST /webhooks/pagerduty              signed by PagerDuty
    POST /webhooks/alertmanager           shared secret
    POST /api/v1/events                   operator   report an anomaly or a deployment
    POST /api/v1/diagnose                 operator   say what is wrong with a workload
    POST /api/v1/runbooks/execute         operator   start a runbook, or see what it would do
    GET  /api/v1/runbooks                 viewer
    GET  /api/v1/runbooks/history         viewer
    GET  /api/v1/runbooks/{name}          viewer
    GET  /api/v1/runs/{run_id}            viewer     and /events, /report.md
    POST /api/v1/runs/{run_id}/cancel     operator
    POST /api/v1/runs/{run_id}/decisions  approver   off unless the catalog turns it on
    GET  /metrics                         viewer     open where the settings say so
    GET  /api/v1/openapi.json, /api/v1/docs, /healthz, /readyz   open

A new route is a declaration in one of the modules and its name in `ROUTES`; tests take every route from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from bot.api import about, described, diagnoses, runbooks, runs, scraping, signals
from bot.api.doors import Doors
from bot.api.errors import Handler, answering
from bot.api.routing import Route, served

SERVER_OPTIONS: Mapping[str, Any] = {
    "auto_decompress": False,
    "max_line_size": 64 * 1024,
    "max_field_size": 64 * 1024,
}
"""For whoever runs the application, `AppRunner(app, **SERVER_OPTIONS)`: aiohttp would otherwise unfold a compressed
body behind our back, even one that was refused, and break off the answer where it cannot; and it would answer a long
header or query itself, in a shape that is not ours, before the route can refuse it (longer ones it still does)."""

SIGNAL_ROUTES: Sequence[Route] = (signals.pagerduty, signals.alertmanager, signals.events)

ROUTES: Sequence[Route] = described.with_description(
    (
        runbooks.list_runbooks,
        runs.history,
        runbooks.show_runbook,
        runbooks.execute,
        runs.show_run,
        runs.list_events,
        runs.show_report,
        runs.cancel,
        runs.decide,
        diagnoses.diagnose,
        *SIGNAL_ROUTES,
        about.healthz,
        about.readyz,
        scraping.metrics,
    )
)
"""Every route, in the order of the description; of two that fit one address the first is taken."""


def create_app(doors: Doors) -> web.Application:
    """An application with the routes, in which also unknown addresses and methods answer in the one shape.

    Others may be mounted beside it (`add_subapp`); what they answer is left alone.
    """
    app = web.Application(middlewares=[scraping.counted(doors.metrics), _unknown_addresses(doors)])
    for one in ROUTES:
        add = app.router.add_get if one.method == "GET" else app.router.add_post  # GET brings HEAD along
        add(one.path, served(scraping.metrics_route(doors, one), doors))
    return app


def _unknown_addresses(doors: Doors) -> Middleware:
    @web.middleware
    async def unknown_addresses(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.http_exception is None:
            return await handler(request)
        return await answering(handler, new_reference=doors.new_reference)(request)

    return unknown_addresses

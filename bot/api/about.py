"""What the server says of itself: that it answers, what it lacks, and the description of its own API."""

from __future__ import annotations

from bot.api.doors import Doors
from bot.api.routing import Answer, Ask, Nothing, Returns, route
from bot.api.shapes import Health, Readiness


@route(
    "GET",
    "/healthz",
    summary="Say that the process answers",
    section="Health",
    entry="open",
    answers=(Returns(200, Health, "it answers"),),
)
async def healthz(_doors: Doors, _ask: Ask[Nothing, Nothing]) -> Answer:
    """For liveness probes: it reads nothing and waits for nobody."""
    return Answer(content=Health(status="ok"))


@route(
    "GET",
    "/readyz",
    summary="Say what is missing",
    section="Health",
    entry="open",
    answers=(Returns(200, Readiness, "it can do its work"), Returns(503, Readiness, "something is missing")),
)
async def readyz(doors: Doors, _ask: Ask[Nothing, Nothing]) -> Answer:
    """For readiness probes: whether it hears Slack, and whether the catalog's files are the ones in force."""
    missing = dict(await doors.readiness())
    if missing:
        return Answer(status=503, content=Readiness(status="not ready", missing=missing))
    return Answer(content=Readiness(status="ready", missing={}))

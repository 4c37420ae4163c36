"""The two routes that show the API's own description: as OpenAPI for programs, as a page for people."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from bot.api.doors import Doors
from bot.api.openapi import openapi
from bot.api.page import CONTENT_SECURITY_POLICY, page
from bot.api.routing import Answer, Ask, Nothing, Returns, Route, route

PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


def with_description(others: Sequence[Route]) -> Sequence[Route]:
    """These routes and, before them, the two that describe them all."""

    @cache
    def document() -> dict[str, Any]:
        return openapi(every)

    @cache
    def drawn() -> str:
        return page(document())

    @route(
        "GET",
        "/api/v1/openapi.json",
        summary="Describe this API",
        section="About",
        entry="open",
        answers=(Returns(200, dict[str, Any], "an OpenAPI 3.1 document"),),
    )
    async def description(_doors: Doors, _ask: Ask[Nothing, Nothing]) -> Answer:
        """For client generators and tests; it holds no secret and needs no token."""
        return Answer(content=document())

    @route(
        "GET",
        "/api/v1/docs",
        summary="Show this API to people",
        section="About",
        entry="open",
        answers=(Returns(200, str, "the page", "text/html"),),
    )
    async def documentation(_doors: Doors, _ask: Ask[Nothing, Nothing]) -> Answer:
        """One page with nothing to load, no script and no cookie."""
        return Answer(content=drawn(), headers=PAGE_HEADERS)

    every = (*others, description, documentation)
    return every

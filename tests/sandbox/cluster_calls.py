"""The stand-in cluster called over plain HTTP, the way a client library does underneath."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bot.sandbox.cluster.server import Cluster

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

API = "/apis/apps/v1/namespaces/payments/deployments/api"
PODS = "/api/v1/namespaces/payments/pods"


class Calls:
    """One session; every call gives the code and the decoded body."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def get(self, path: str, **query: str) -> tuple[int, Any]:
        return await self.send("GET", path, query=query)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        media: str = "application/json",
        query: dict[str, str] | None = None,
        accept: str = "application/json",
    ) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": accept, **({"Content-Type": media} if data is not None else {})}
        async with self.session.request(method, path, data=data, params=query, headers=headers) as answer:
            return answer.status, json.loads(await answer.text())

    async def watch(self, path: str, **query: str) -> AsyncGenerator[tuple[str, Any], None]:
        """Events until the server ends the watch."""
        async with self.session.get(path, params={"watch": "true", **query}) as answer:
            async for line in answer.content:
                event = json.loads(line)
                yield event["type"], event["object"]


@asynccontextmanager
async def calling(cluster: Cluster) -> AsyncIterator[Calls]:
    """A session with this cluster, without TLS."""
    async with aiohttp.ClientSession(cluster.base_url) as session:
        yield Calls(session)


@asynccontextmanager
async def furnished(**settings: Any) -> AsyncIterator[tuple[Cluster, Calls]]:
    """A cluster with the deployment `payments/api` of three, settled, and a session with it."""
    async with Cluster(**settings) as cluster, calling(cluster) as calls:
        cluster.deployment("payments", "api", replicas=3)
        await cluster.settled()
        yield cluster, calls

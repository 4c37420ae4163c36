"""What can be changed in a cluster: each verb is one request, sent once, and its answer.

Every call raises as `connection` says: ActionRetry or ActionFailed (effect none) when nothing was sent,
ActionUnknown when the answer was lost. A 4xx is an `Answer` with the server's reason; what it means is for the
caller to say. With `dry_run` the server is asked for its opinion and changes nothing.

Never PUT: the HTTP library sends an "idempotent" request again by itself when a kept connection breaks, and a
second PUT would be refused as a conflict with the first, which then looks as if nothing had been done. PATCH and
POST are sent once; a DELETE names the uid, so a second one finds nothing left to do.
"""

from __future__ import annotations

from bot.clients.kubernetes.connection import Answer, Connection
from bot.runs.plan import JsonObject

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"


class ClusterWriter:
    """Changes objects of one cluster."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def patch(
        self,
        path: str,
        body: JsonObject | list[JsonObject],
        *,
        content_type: str,
        dry_run: bool = False,
        timeout_s: float | None = None,
    ) -> Answer:
        """Change a part of one object; a stale `metadata.resourceVersion` in the body is answered by 409."""
        return await self._connection.send(
            "PATCH",
            path,
            query=_query(dry_run),
            body=body,
            content_type=content_type,
            is_write=not dry_run,
            timeout_s=timeout_s,
        )

    async def delete(
        self,
        path: str,
        *,
        uid: str,
        grace_period_s: int | None = None,
        dry_run: bool = False,
        timeout_s: float | None = None,
    ) -> Answer:
        """Delete the object of that uid: 404 and 409 mean that it is there no more."""
        body: JsonObject = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}}
        if grace_period_s is not None:
            body["gracePeriodSeconds"] = grace_period_s
        return await self._connection.send(
            "DELETE", path, query=_query(dry_run), body=body, is_write=not dry_run, timeout_s=timeout_s
        )

    async def evict(
        self,
        pod_path: str,
        *,
        namespace: str,
        name: str,
        uid: str,
        grace_period_s: int | None = None,
        dry_run: bool = False,
        timeout_s: float | None = None,
    ) -> Answer:
        """Ask for the pod of that uid to go, as its disruption budgets allow: 429 means not now."""
        options: JsonObject = {"preconditions": {"uid": uid}}
        if grace_period_s is not None:
            options["gracePeriodSeconds"] = grace_period_s
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": options,
        }
        return await self._connection.send(
            "POST",
            f"{pod_path}/eviction",
            query=_query(dry_run),
            body=body,
            is_write=not dry_run,
            timeout_s=timeout_s,
        )


def _query(dry_run: bool) -> tuple[tuple[str, str], ...]:
    return (("dryRun", "All"),) if dry_run else ()

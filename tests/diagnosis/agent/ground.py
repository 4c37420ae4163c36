"""What the tests of the agent stand on: a workload in trouble, a server that plays a model, an agent that asks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.catalog.schema import Cluster
from bot.clients.kubernetes import ClusterReader, Clusters
from bot.diagnosis.agent import Agent, Endpoint, Limits, Looks, Offer, Opinion
from bot.diagnosis.evidence import Evidence
from bot.diagnosis.findings import analyze
from bot.telemetry import Redactor
from tests.diagnosis.snapshots import NOW, snap
from tests.fakes.model_server import ModelServer

KEY = "model-key-8f3a"
SECRET = "hunter2-hunter2"
REDACTOR = Redactor([KEY, SECRET])
OFFERS = (
    Offer(runbook="restart-api", step="restart", text="Restart the API"),
    Offer(runbook="scale-api", step="scale", text="More replicas"),
)
LOG = "log/api-1/app/previous"


def out_of_memory(*lines: str) -> Evidence:
    """A container that is killed for its memory."""
    made = snap().app(waiting="CrashLoopBackOff", ended=("OOMKilled", 137), restarts=7)
    return made.log("loading 4 GiB of prices", "Killed", *lines).made()


def nowhere() -> ClusterReader:
    """A reader of a cluster that nobody can reach; for what must be answered without one."""
    return Clusters(kubeconfig="/nonexistent").reader(Cluster(name="nowhere", context="nowhere"))


def agent_of(server: ModelServer, **limits: Any) -> Agent:
    return Agent(
        endpoint=Endpoint(model="played-1", key=KEY, url=f"{server.url}/v1"),
        limits=Limits(**{"time_s": 30.0, **limits}),
        redactor=REDACTOR,
    )


def looks_at(evidence: Evidence, **more: Any) -> Looks:
    return Looks(
        **{"evidence": evidence, "reader": nowhere(), "redactor": REDACTOR, "now": lambda: NOW, **more}
    )


async def ask(
    server: ModelServer,
    evidence: Evidence,
    *,
    offers: Sequence[Offer] = OFFERS,
    looks: Looks | None = None,
    **limits: Any,
) -> Opinion:
    """What the agent makes of it."""
    return await agent_of(server, **limits).opinion(
        evidence, analyze(evidence), looks=looks or looks_at(evidence), offers=offers
    )


def cause(
    text: str = "the container needs more memory than its limit", *quotes: tuple[str, str], **more: Any
) -> dict[str, Any]:
    """A hypothesis as a model tells it; by default it rests on words that are there."""
    rests_on = [{"item": item, "quote": quote} for item, quote in quotes or ((LOG, "Killed"),)]
    return {"cause": text, "confidence": "likely", "rests_on": rests_on, **more}

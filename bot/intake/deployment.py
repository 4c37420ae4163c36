"""A deployment as `POST /api/v1/events` takes it from a delivery pipeline: one that failed opens an incident.

One that succeeded opens none and ends the one that the same deployment had opened; both are kept as what was deployed
(`deployed`), for whoever asks next what changed.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from bot.catalog.clusters import Label, Subdomain
from bot.errors import BadInput
from bot.intake.deployed import DeploymentReported
from bot.intake.foreign import TITLE_LIMIT, line, load_object
from bot.intake.incident import Facts, Origin, Whereabouts
from bot.intake.signal import DEPLOYMENT, Signal, deployment_key
from bot.runs.events import Actor

WORKLOADS = ("deployment", "statefulset", "daemonset")
LINK_LIMIT = 2000

_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Link = Annotated[str, Field(max_length=LINK_LIMIT)]


class Deployment(BaseModel):
    """How a deployment ended; nothing unknown is accepted and nothing is converted.

    What is looked into is the workload named here, else the one that the catalog gives for the service; a namespace
    alone means that workload in this namespace.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["deployment"]
    service: Annotated[_Name, Field(description="catalog name or alias")]
    version: Annotated[_Name, Field(description="what was deployed: a tag, a commit")]
    status: Annotated[
        Literal["failed", "succeeded"],
        Field(description="one that failed opens an incident; one that succeeded is kept as what changed"),
    ] = "failed"
    deployment_id: Annotated[
        str,
        Field(
            pattern=r"^([A-Za-z0-9][A-Za-z0-9._:@/+-]{0,127})?$",
            description="what the pipeline calls it; without one it is known by service, version and place",
        ),
    ] = ""
    cluster: Annotated[
        str, Field(max_length=200, description="the only one of the catalog when left out")
    ] = ""
    namespace: Annotated[Label | None, Field(description="where it was deployed to")] = None
    deployment: Subdomain | None = None
    statefulset: Subdomain | None = None
    daemonset: Subdomain | None = None
    link: Annotated[_Link, Field(description="where the pipeline's own words can be read")] = ""
    reason: Annotated[str, Field(max_length=TITLE_LIMIT, description="why it failed, as far as is known")] = (
        ""
    )
    occurred_at: AwareDatetime | None = None

    @field_validator("link")
    @classmethod
    def _names_nobody(cls, link: str) -> str:
        """A link is shown to everybody in the thread, so it carries no password."""
        try:
            url = urlsplit(link)
            is_good = url.scheme in ("http", "https") and bool(url.hostname) and "@" not in url.netloc
        except ValueError:
            is_good = False
        if link and not (is_good and link.isprintable() and " " not in link):
            raise ValueError("an http or https address without a password is expected")
        return link

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        named = [kind for kind in WORKLOADS if getattr(self, kind) is not None]
        if len(named) > 1:
            raise ValueError(f"at most one of {', '.join(WORKLOADS)} is taken")
        if (named or self.cluster) and self.namespace is None:
            raise ValueError("a workload or cluster is named without its namespace")
        return self

    @property
    def known_as(self) -> str:
        """What it is known by within its service: the pipeline's own id, else what there is to tell it from others."""
        if self.deployment_id:
            return self.deployment_id
        said = [self.service, self.version, self.cluster, self.namespace or "", self.workload]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]

    @property
    def workload(self) -> tuple[str, str]:
        """Kind and name of what was deployed, as people write them; both "" where it is not said."""
        return next(((kind, name) for kind in WORKLOADS if (name := getattr(self, kind))), ("", ""))

    @property
    def report_id(self) -> str:
        """What this one report is known by: the same deployment may fail first and succeed when it is tried again."""
        ended = f"/{self.occurred_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if self.occurred_at else ""
        return f"{self.key}/{self.status}{ended}"

    @property
    def key(self) -> str:
        """Its outside key; an id that another service's pipeline uses as well is another deployment."""
        return deployment_key(line(self.service), self.known_as)


def read_deployment(body: bytes | str) -> Deployment:
    """The deployment in a body; `BadInput` where it is none."""
    load_object(body)
    try:
        return Deployment.model_validate_json(body)
    except ValidationError as error:
        raise BadInput("this is no report of a deployment") from error


def signal_of(one: Deployment, *, received_at: datetime, actor: Actor | None = None) -> Signal:
    """The deployment as a signal: it opens an incident where it failed, and ends its own where it succeeded."""
    occurred_at = received_at
    if one.occurred_at is not None:
        try:
            occurred_at = min(one.occurred_at.astimezone(UTC), received_at)
        except OverflowError:
            occurred_at = received_at
    service, version, reason = line(one.service), line(one.version), line(one.reason, limit=TITLE_LIMIT)
    has_failed = one.status == "failed"
    kind, name = one.workload
    return Signal(
        kind="triggered" if has_failed else "resolved",
        account="source",
        origins=(Origin(key=one.key, source=DEPLOYMENT, url=one.link),),
        facts=Facts(
            title=f"Deployment of {service} {version} failed",
            service_text=service,
            symptom=f"deployment failed{f': {reason}' if reason else ''}",
            status="triggered" if has_failed else "resolved",
            whereabouts=Whereabouts(cluster=one.cluster, namespace=one.namespace, kind=kind, name=name)
            if one.namespace
            else None,
        ),
        occurred_at=occurred_at,
        service_names=(one.service,),
        by=actor.name or actor.id if actor else "",
        actor=actor,
        deployment=DeploymentReported(
            at=received_at,
            deployment_id=one.known_as,
            service=service,
            version=version,
            status=one.status,
            link=one.link,
            reason=reason,
            place=_place(one),
            occurred_at=occurred_at,
            by=actor,
        ),
    )


def _place(one: Deployment) -> str:
    kind, name = one.workload
    if kind:
        return f"{kind} {one.namespace}/{name}"
    return f"namespace {one.namespace}" if one.namespace else ""

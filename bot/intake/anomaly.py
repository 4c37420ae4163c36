"""A metric anomaly as `POST /api/v1/events` takes it: a strict body, finite numbers only. What has no `kind` is one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bot.errors import BadInput
from bot.intake.foreign import TITLE_LIMIT, line, load_object
from bot.intake.incident import Facts, Origin
from bot.intake.signal import ANOMALY, Signal, anomaly_key
from bot.runs.events import Actor

_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class Anomaly(BaseModel):
    """The body; nothing unknown is accepted and nothing is converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["anomaly"] = "anomaly"
    anomaly_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,127}$")]
    service_id: _Name
    metric_name: _Name
    value: _Finite
    anomaly_score: _Finite
    title: Annotated[str, Field(max_length=TITLE_LIMIT)] = ""
    symptom: Annotated[str, Field(max_length=TITLE_LIMIT)] = ""
    environment: Annotated[str, Field(max_length=200)] = ""
    occurred_at: AwareDatetime | None = None


def read_anomaly(body: bytes | str) -> Anomaly:
    """The anomaly in a body; `BadInput` names every field that does not fit and never repeats what it held."""
    load_object(body)  # the model's own parser takes a key twice and keeps the last
    try:
        return Anomaly.model_validate_json(body)
    except ValidationError as error:
        wrong = [
            f"`{line('.'.join(str(part) for part in one['loc']), limit=60) or 'body'}`: {one['msg'].lower()}"
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise BadInput(
            f"the event does not fit: {'; '.join(sorted(wrong)[:20])}",
            hint="required are anomaly_id, service_id, metric_name, value, anomaly_score; "
            "optional title, symptom, environment, occurred_at",
        ) from error


def signal_of(anomaly: Anomaly, *, received_at: datetime, actor: Actor | None = None) -> Signal:
    """The anomaly as a signal that opens an incident."""
    occurred_at = received_at
    if anomaly.occurred_at is not None:
        try:
            occurred_at = min(anomaly.occurred_at.astimezone(UTC), received_at)
        except OverflowError:
            occurred_at = received_at
    metric, service = line(anomaly.metric_name), line(anomaly.service_id)
    return Signal(
        kind="triggered",
        account="source",
        origins=(Origin(key=anomaly_key(anomaly.anomaly_id), source=ANOMALY),),
        facts=Facts(
            title=line(anomaly.title, limit=TITLE_LIMIT) or f"{metric} of {service} is anomalous",
            service_text=service,
            environment=line(anomaly.environment),
            symptom=line(anomaly.symptom, limit=TITLE_LIMIT),
            metric_name=metric,
            value=anomaly.value,
            anomaly_score=anomaly.anomaly_score,
        ),
        occurred_at=occurred_at,
        service_names=(anomaly.service_id,),
        by=actor.name or actor.id if actor else "",
        actor=actor,
    )

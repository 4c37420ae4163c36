"""What a simulation is told about the world it cannot look at: one YAML or JSON file, checked like the catalog.

incident:                                   what else is known of it, for conditions and templates
  title: p99 above 2 s
  metric_name: cpu_usage
  anomaly_score: 0.93
targets:                                    state as cards name the thing: `deployment payments/payment-api`
  deployment payments/payment-api:
    before: { replicas: 3, ready: 1 of 3 }
    after: { replicas: 5, ready: 5 of 5 }
steps:                                      by name; whatever is not said is assumed to succeed
  look: { output: "3 workers hang" }
  restart: { verdict: failed, effect: partial, summary: exit status 1, seconds: 12 }
  switch: { verdict: unknown, settle: undo }
  widen: { undo: { verdict: failed, summary: no such release } }
metrics:                                    by name in catalog.yaml
  misses: { before: 300, after: 120 }
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bot.catalog.checking import FileModel, checked
from bot.catalog.reading import read_document
from bot.errors import CatalogError
from bot.runs.events import CheckChoice, Choice
from bot.runs.plan import Effect, Verdict

Value = str | int | float | bool
Seconds = Annotated[float, Field(ge=0, le=86_400)]

TOOK_S = 5.0
"""How long a step is taken to run where nothing says it."""


class KnownIncident(FileModel):
    """What is known of the incident besides its service and symptom."""

    title: str = ""
    urgency: str = ""
    priority: str = ""
    metric_name: str = ""
    value: float | None = None
    anomaly_score: float | None = None


class KnownTarget(FileModel):
    """The state of one thing, until a step has acted on it and from then on."""

    before: dict[str, Value] = Field(default_factory=dict)
    after: dict[str, Value] = Field(default_factory=dict)


class KnownUndo(FileModel):
    """What comes of undoing a step."""

    verdict: Literal["succeeded", "failed"] = "succeeded"
    summary: str = ""


class KnownStep(FileModel):
    """What comes of a step; `settle` is how people go on from an unknown outcome."""

    verdict: Verdict = "succeeded"
    effect: Effect | None = None
    summary: str = ""
    output: str | None = None
    seconds: Seconds = TOOK_S
    settle: Choice = "stop"
    undo: KnownUndo = KnownUndo()


class KnownMetric(FileModel):
    """A metric's value until the first change and from then on; `settle` is what people say to a check that asks."""

    before: float
    after: float
    settle: CheckChoice = "keep"


class Fixture(FileModel):
    """Everything a simulation is told; empty, it assumes that each step succeeds."""

    incident: KnownIncident = KnownIncident()
    targets: Mapping[str, KnownTarget] = Field(default_factory=dict)
    steps: Mapping[str, KnownStep] = Field(default_factory=dict)
    metrics: Mapping[str, KnownMetric] = Field(default_factory=dict)


NOTHING_KNOWN = Fixture()


def read_fixture(file: Path) -> Fixture:
    """The fixture in a file; CatalogError carries every problem with its line."""
    document = read_document(file, shown_as=str(file))
    found = None if document.problems else checked(Fixture, document.data, document)
    if found is None:
        raise CatalogError(document.problems, of="the fixture", hint="correct the lines above")
    return found

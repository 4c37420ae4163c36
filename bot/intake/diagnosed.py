"""The diagnoses of an incident: asked for, made, judged; what the journal keeps of each.

    DiagnosisAsked ──▶ DiagnosisMade ──▶ DiagnosisJudged
                             └─────────▶ OpinionGiven, where a model is set

What is between asked and made only reads, so whoever finds one asked for and not made, after a crash too, makes it.
The report and the evidence are files beside the journal; what the thread, the statistics and a note at the pager need
stands in the events, as it was at that moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NewType

from bot.diagnosis.findings import HEALTHY
from bot.runs.events import Actor, ArtifactRef, Event, Permission

DiagnosisId = NewType("DiagnosisId", str)

Cause = Literal["policy", "click", "command", "api", "deployment"]
"""Why a diagnosis was asked for; `policy`: the catalog says so for the service."""
Verdict = Literal["right", "wrong"]

OTHER = "other"
"""What it really was, where it is none of the classes of failure there are."""


@dataclass(frozen=True, kw_only=True)
class FittingStep:
    """A runbook of the catalog that fits a finding, with its first step and why."""

    runbook: str
    step: str
    why: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DiagnosisAsked(Event):
    """Somebody or something wants to know what is wrong; `by` is None where the catalog or a program's event does."""

    diagnosis_id: DiagnosisId
    cause: Cause
    by: Actor | None = None


@dataclass(frozen=True, kw_only=True)
class DiagnosisMade(Event):
    """What was read and what follows from it. Text from outside is data here, encoded where it is shown."""

    diagnosis_id: DiagnosisId
    subject: str
    """`deployment shop/checkout`; "" where it was not known what to look into."""
    sentence: str
    """The report in one sentence, whatever came of it."""
    brief: str = ""
    """The first findings with their words, and what was not read."""
    finding: str = ""
    """The class of the most likely finding (`oom-killed`, `healthy`), "" where it cannot be told."""
    title: str = ""
    confidence: str = ""
    reason: str = ""
    quote: str = ""
    evidence_id: str = ""
    """The item of the evidence that the quote stands in."""
    look_at: str = ""
    others: tuple[str, ...] = ()
    """The classes of the other findings, most likely first."""
    not_read: str = ""
    """What could not be read, shortly; "" where everything was."""
    report: ArtifactRef | None = None
    evidence: ArtifactRef | None = None
    steps: tuple[FittingStep, ...] = ()
    """What of the catalog fits, best first."""
    duration_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class DiagnosisJudged(Event):
    """A person says whether it was right; once."""

    diagnosis_id: DiagnosisId
    by: Actor
    verdict: Verdict
    really: str = ""
    """Where it was wrong: the class of failure it really was, or `other`."""
    words: str = ""
    """What it really was, in the person's words."""
    permission: Permission | None = None
    """With what right."""


@dataclass(frozen=True, kw_only=True)
class OpinedCause:
    """A cause that a model takes for likely, with words of the evidence that were found to stand there."""

    cause: str
    belief: str
    quote: str
    evidence_id: str
    against: str = ""
    """Words of the evidence that speak against it, where it named any."""
    against_id: str = ""


@dataclass(frozen=True, kw_only=True)
class OpinionGiven(Event):
    """What a model says of a diagnosis, as far as it holds; in `nothing`, why it says nothing. Changes no finding."""

    diagnosis_id: DiagnosisId
    model: str
    nothing: str = ""
    summary: str = ""
    causes: tuple[OpinedCause, ...] = ()
    steps: tuple[FittingStep, ...] = ()
    """Runbooks it would go on with, all of which the rules would propose."""
    struck: tuple[str, ...] = ()
    """What of its answer does not hold, each with why."""
    report: ArtifactRef | None = None
    record: ArtifactRef | None = None
    """The opinion as data, with what the model had read besides the evidence."""
    requests: int = 0
    tokens: int = 0
    duration_s: float = 0.0


DiagnosisEvent = DiagnosisAsked | DiagnosisMade | DiagnosisJudged | OpinionGiven


@dataclass(frozen=True, kw_only=True)
class IncidentDiagnosis:
    """One diagnosis and what became of it."""

    asked: DiagnosisAsked
    made: DiagnosisMade | None = None
    judged: DiagnosisJudged | None = None
    opinion: OpinionGiven | None = None

    @property
    def id(self) -> DiagnosisId:
        """Its id."""
        return self.asked.diagnosis_id

    @property
    def is_open(self) -> bool:
        """Whether it is still to be made."""
        return self.made is None

    @property
    def can_be_judged(self) -> bool:
        """Whether it says something that can be right or wrong, and nobody has said which."""
        return self.made is not None and bool(self.made.finding) and self.judged is None

    @property
    def has_found_trouble(self) -> bool:
        """Whether it names a failure."""
        return self.made is not None and self.made.finding not in ("", HEALTHY)

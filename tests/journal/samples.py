"""One full example of every stored event, and small makers for the rest; every optional field is filled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.engine.stored import TABLES as TABLES
from bot.engine.stored import codec as codec
from bot.intake.deployed import DeploymentReported
from bot.intake.diagnosed import (
    DiagnosisAsked,
    DiagnosisId,
    DiagnosisJudged,
    DiagnosisMade,
    FittingStep,
    OpinedCause,
    OpinionGiven,
)
from bot.intake.incident import (
    Candidate,
    Facts,
    IncidentChanged,
    IncidentOpened,
    LastTime,
    NothingSuggested,
    Origin,
    OriginLinked,
    PagerNotTold,
    Place,
    RunbookSuggested,
    RunStarted,
    SuggestionEscalated,
    SuggestionReminded,
    SuggestionTaken,
    SuggestionWithdrawn,
    ThreadOpened,
    Whereabouts,
)
from bot.journal.base import IncidentRow, RunRow, StepRow
from bot.runs.events import (
    Actor,
    ApprovalEscalated,
    ApprovalReminded,
    ApprovalVoided,
    ArtifactRef,
    Asked,
    BaselineTaken,
    CancelRequested,
    CheckJudged,
    CheckSettled,
    Escalation,
    Event,
    Expectation,
    IncidentId,
    Measured,
    ParamsEdited,
    Permission,
    ProposalExpired,
    ProposalId,
    ProposalVoided,
    QuestionReminded,
    ReportRequested,
    Result,
    RunAdmitted,
    RunFinished,
    RunId,
    RunOpened,
    RunQueued,
    StepApproved,
    StepFinished,
    StepKey,
    StepNotPlanned,
    StepOverridden,
    StepProbed,
    StepProposed,
    StepRejected,
    StepSkipped,
    StepStarted,
    UndoBlocked,
    UndoFinished,
    UndoRequested,
    UndoSettled,
    UndoStarted,
    UnknownSettled,
)
from bot.runs.plan import Plan, Target, Undo

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
INCIDENT = IncidentId("inc-1")
RUN = RunId("run-1")
PROPOSAL = ProposalId("pro-1")
DIAGNOSIS = DiagnosisId("dia-1")


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


ANA = Actor(kind="slack", id="U0ANA", person="ana@acme.example", name="Ana")
BY_GROUP = Permission(via="S0SRE", members_read_at=NOON, handle="sre")
UNDO = Undo(
    kind="step",
    text="scale payment-api back to 3",
    type="kubernetes",
    input={"action": "scale", "replicas": {"$hole": "before"}},
    targets=(Target(kind="cluster", name="prod-eu/payments", environment="prod"),),
    will_run=("scale payment-api to 3",),
    guarded={"replicas": 5},
    expect=({"pattern": "ok", "allow_failure": True},),
    timeout_s=90.0,
)
PLAN = Plan(
    type="kubernetes",
    input={
        "action": "scale",
        "deployment": "payment-api",
        "replicas": 5,
        "labels": {"tier": None, "ratio": 0.5},
    },
    targets=(Target(kind="cluster", name="prod-eu/payments", environment="prod"),),
    text="scale payment-api from 3 to 5",
    will_run=("PATCH …/deployments/payment-api/scale",),
    shown={"replicas": "3 → 5", "ready": "2 of 3"},
    guarded={"replicas": 3},
    observable=True,
    changes=True,
    undo=UNDO,
    risk="high",
    timeout_s=120.0,
)
ASKED = Asked(
    approvers=("@sre", "ana@acme.example"),
    source="service",
    min_approvals=2,
    allow_self_approval=True,
    unattended=False,
    message="Is anybody deploying?",
    direct_message=("U0ANA",),
    mention=("S0SRE", "U0ANA"),
    escalate_to=("leads", "pagerduty:oncall"),
    override=("S0LEADS",),
)
RESULT = Result(
    verdict="failed",
    effect="partial",
    summary="3 of 5 ready when the time was up",
    output="waiting …\n✓ 3/5",
    output_cut=True,
    output_redacted=True,
    expectations=(Expectation(pattern="OK", found=False, allow_failure=True),),
    undo_fill={"before": 3},
    artifacts=(ArtifactRef(name="out.txt", media_type="text/plain", digest="ab" * 32, size=12),),
    duration_s=1.25,
)
FACTS = Facts(
    whereabouts=Whereabouts(cluster="eu", namespace="payments", kind="deployment", name="payment-api"),
    title="5xx on payment-api",
    service="payments",
    service_text="Payments API",
    symptom="elevated 5xx",
    environment="prod",
    urgency="high",
    priority="P1",
    status="acknowledged",
    assignees=("Ana", "Björn"),
    url="https://acme.pagerduty.example/incidents/Q1",
    metric_name="cpu",
    value=93.5,
    anomaly_score=0.93,
    number=77,
    from_text=True,
    as_of=at(-1),
    status_at=at(-2),
)
ORIGIN = Origin(key="pagerduty:Q1", source="pagerduty", url="https://acme.pagerduty.example/incidents/Q1")
STEP = StepKey(phase="on_reject", index=2)

MEASURED = Measured(
    metric="error_rate",
    query="sum(rate(errors[1m]))",
    better="lower",
    description="5xx answers per second",
    points=((1772366400.25, 0.5), (1772366405.25, 3.25)),
)
ESCALATION = Escalation(
    entry="pagerduty:oncall",
    approvers=("pagerduty:oncall/payments",),
    expires_at=at(21),
    remind_at=at(16),
    direct_message=("U0ANA",),
    mention=("U0ANA",),
    trouble="who is on call for ledger could not be read",
)
OF_RUNS: tuple[Event, ...] = (
    RunOpened(
        at=NOON,
        run_id=RUN,
        incident_id=INCIDENT,
        runbook={"name": "scale-out", "steps": [{"type": "kubernetes", "input": {"replicas": 5}}]},
        params={"replicas": 5},
        values={"incident": {"title": "5xx"}},
        service="payments",
        tenant="team-payments",
        environment="prod",
        requester=ANA,
        dry_run=True,
        catalog_digest="cd" * 32,
        catalog_commit="0123abc",
    ),
    StepProposed(
        at=at(1),
        proposal_id=PROPOSAL,
        step=STEP,
        plan=PLAN,
        digest=PLAN.digest,
        asked=ASKED,
        expires_at=at(11),
        remind_at=at(6),
        reason="replicas drifted",
    ),
    StepNotPlanned(at=at(2), step=STEP, message="the host is in no environment"),
    ApprovalReminded(at=at(3), proposal_id=PROPOSAL),
    StepApproved(at=at(4), proposal_id=PROPOSAL, digest=PLAN.digest, actor=ANA, permission=BY_GROUP),
    ApprovalVoided(at=at(5), proposal_id=PROPOSAL, person="ana@acme.example", reason="no longer in @sre"),
    StepRejected(at=at(6), proposal_id=PROPOSAL, actor=ANA, permission=BY_GROUP, reason="not now"),
    StepSkipped(at=at(7), proposal_id=PROPOSAL, actor=ANA, permission=BY_GROUP, reason="done by hand"),
    ParamsEdited(
        at=at(8),
        proposal_id=PROPOSAL,
        actor=ANA,
        permission=BY_GROUP,
        before={"replicas": 5},
        after={"replicas": 6},
    ),
    ProposalVoided(at=at(9), proposal_id=PROPOSAL, reason="drift", changes=("replicas: 3 → 4",)),
    ProposalExpired(at=at(10), proposal_id=PROPOSAL),
    RunQueued(at=at(11), waiting_for="host:web-1, held by run run-0", position=2),
    RunAdmitted(at=at(12), targets=("cluster:prod-eu/payments",)),
    StepStarted(at=at(13), proposal_id=PROPOSAL, step=STEP, plan=PLAN),
    StepFinished(at=at(14), proposal_id=PROPOSAL, step=STEP, result=RESULT),
    StepProbed(at=at(15), proposal_id=PROPOSAL, step=STEP, text="5 replicas wanted", state={"replicas": 5}),
    UnknownSettled(
        at=at(16),
        proposal_id=PROPOSAL,
        step=STEP,
        choice="again",
        actor=ANA,
        permission=BY_GROUP,
        reason="it never arrived",
    ),
    UndoRequested(at=at(17), reason="asked by hand", actor=ANA, permission=BY_GROUP),
    UndoRequested(at=at(17.5), reason="only this one", actor=ANA, permission=BY_GROUP, step=STEP),
    UndoStarted(at=at(18), step=STEP, plan=PLAN),
    UndoFinished(at=at(19), step=STEP, result=RESULT),
    UndoBlocked(at=at(20), step=STEP, reason="replicas drifted"),
    UndoSettled(
        at=at(20.5), step=STEP, choice="again", actor=ANA, permission=BY_GROUP, reason="it is free now"
    ),
    UndoSettled(at=at(20.6), step=STEP, choice="leave", actor=ANA, permission=BY_GROUP, reason="harmless"),
    ApprovalEscalated(at=at(20.7), proposal_id=PROPOSAL, to=ESCALATION),
    StepOverridden(
        at=at(20.8),
        proposal_id=PROPOSAL,
        digest=PLAN.digest,
        actor=ANA,
        permission=BY_GROUP,
        reason="nobody wakes up",
    ),
    QuestionReminded(at=at(20.9), question="undo", step=STEP),
    BaselineTaken(at=at(20.1), series=(MEASURED, Measured(metric="cpu_usage", trouble="not reached"))),
    CheckJudged(
        at=at(20.2),
        verdict="worse",
        sentence="error_rate is above its limit of 2.5: 0.5 before, 3.25 after",
        series=MEASURED,
        step=StepKey(phase="steps", index=1),
        before=0.5,
        after=3.25,
        limit=2.5,
        artifacts=(
            ArtifactRef(name="check.png", media_type="image/png", digest="cd" * 32, size=9, alt="rising"),
        ),
    ),
    CheckSettled(
        at=at(20.3),
        step=StepKey(phase="steps", index=1),
        choice="keep",
        actor=ANA,
        permission=BY_GROUP,
        reason="a deploy",
    ),
    CancelRequested(at=at(21), actor=ANA, permission=BY_GROUP, reason="wrong service"),
    ReportRequested(at=at(21.5), actor=ANA),
    RunFinished(at=at(22), status="rollback_incomplete", reason="an undo was blocked", left=("scale",)),
)
OF_INCIDENTS: tuple[Event, ...] = (
    IncidentOpened(
        at=NOON,
        incident_id=INCIDENT,
        origin=ORIGIN,
        facts=FACTS,
        place=Place(channel="C0INC", thread_ts="1793697162.118259"),
        last_times=(
            LastTime(
                run_id=RunId("run-0"),
                runbook="scale-out",
                status="succeeded",
                at=at(-1440),
                permalink="https://acme.slack.example/archives/C0INC/p1",
                decided_by="Ana",
            ),
        ),
        by=ANA,
    ),
    OriginLinked(at=at(1), origin=ORIGIN, place=Place(channel="C0INC", thread_ts="1793697163.000100")),
    IncidentChanged(
        at=at(2), kind="annotated", facts=FACTS, by="Björn", text="looking <!channel>", occurred_at=at(1.5)
    ),
    ThreadOpened(
        at=at(3), channel="C0INC", ts="1793697162.118259", permalink="https://acme.slack.example/p1"
    ),
    RunbookSuggested(
        at=at(4),
        suggestion_id=PROPOSAL,
        runbook={"name": "scale-out"},
        params={"replicas": 5},
        plan=PLAN,
        digest=PLAN.digest,
        asked=ASKED,
        expires_at=at(14),
        remind_at=at(9),
        why=("symptom words matched: 5xx",),
        others=(Candidate(runbook="restart", why=("service matched",), evaluable=False),),
        requester=ANA,
        reason="asked for again",
        catalog_digest="cd" * 32,
        catalog_commit="0123abc",
        environment="prod",
    ),
    NothingSuggested(at=at(5), reason="no runbook fits", others=(Candidate(runbook="restart", why=()),)),
    SuggestionReminded(at=at(6), suggestion_id=PROPOSAL),
    SuggestionEscalated(at=at(6.5), suggestion_id=PROPOSAL, to=ESCALATION),
    SuggestionWithdrawn(at=at(7), suggestion_id=PROPOSAL, reason="drifted", detail="replicas: 3 → 4"),
    SuggestionTaken(at=at(8), suggestion_id=PROPOSAL, run_id=RUN),
    RunStarted(at=at(9), run_id=RUN),
    PagerNotTold(at=at(10), reason="PagerDuty knows no user with this email; set PAGERDUTY_FROM"),
    DiagnosisAsked(at=at(11), diagnosis_id=DIAGNOSIS, cause="click", by=ANA),
    DiagnosisMade(
        at=at(12),
        diagnosis_id=DIAGNOSIS,
        subject="deployment payments/payment-api",
        sentence="container app of pod api-1 ran out of memory (and 1 more)",
        brief="1. certain: container app of pod api-1 ran out of memory",
        finding="oom-killed",
        title="container app of pod api-1 ran out of memory",
        confidence="certain",
        reason="the kubelet says so",
        quote="OOMKilled <!channel>",
        evidence_id="pod/api-1",
        look_at="kubectl -n payments describe pod api-1",
        others=("crash-loop",),
        not_read="nodes (it may not be read)",
        report=ArtifactRef(name="diagnosis-api.md", media_type="text/markdown", digest="ef" * 32, size=900),
        evidence=ArtifactRef(
            name="diagnosis-api-evidence.json",
            media_type="application/json",
            digest="01" * 32,
            size=90_000,
            is_shown=False,
        ),
        steps=(FittingStep(runbook="scale-out", step="scale", why=("symptom words matched: oom",)),),
        duration_s=0.75,
    ),
    DiagnosisJudged(
        at=at(13),
        diagnosis_id=DIAGNOSIS,
        by=ANA,
        verdict="wrong",
        really="connection-refused",
        words="the database was down",
        permission=BY_GROUP,
    ),
    OpinionGiven(
        at=at(14),
        diagnosis_id=DIAGNOSIS,
        model="gpt-5",
        summary="It needs more memory than its limit.",
        causes=(
            OpinedCause(
                cause="the cache grew",
                belief="likely",
                quote="cache: 900 MiB <!channel>",
                evidence_id="log/api-1/app",
                against="restartCount: 0",
                against_id="pod/api-1",
            ),
        ),
        steps=(FittingStep(runbook="scale-out", step="scale", why=("it spreads the load",)),),
        struck=("the disk is full: there is no evidence “node/n9”",),
        report=ArtifactRef(name="opinion-api.md", media_type="text/markdown", digest="ab" * 32, size=700),
        record=ArtifactRef(
            name="opinion-api.json",
            media_type="application/json",
            digest="cd" * 32,
            size=4_000,
            is_shown=False,
        ),
        requests=3,
        tokens=24_000,
        duration_s=11.5,
    ),
    OpinionGiven(
        at=at(15), diagnosis_id=DIAGNOSIS, model="gpt-5", nothing="its endpoint is busy (429)", requests=8
    ),
)
OF_DEPLOYMENTS: tuple[Event, ...] = (
    DeploymentReported(
        at=at(11),
        deployment_id="d-17",
        service="payment-api",
        version="v1.8.0",
        status="failed",
        link="https://ci.acme.example/runs/4711",
        reason="timed out waiting for the rollout",
        place="deployment payments/payment-api",
        occurred_at=at(10),
        by=Actor(kind="api", id="api:ci", person="api:ci", name="CI"),
    ),
)
ALL_EVENTS = OF_RUNS + OF_INCIDENTS + OF_DEPLOYMENTS


def reminded(number: int = 0) -> ApprovalReminded:
    """A small event that tells itself apart."""
    return ApprovalReminded(at=at(number), proposal_id=ProposalId(f"pro-{number}"))


def incident_row(incident_id: str = "inc-1", *, minutes: float = 0, **fields: object) -> IncidentRow:
    """An incident's row, opened so many minutes after noon."""
    given: dict[str, object] = {
        "service": "payments",
        "environment": "prod",
        "title": "5xx on payment-api",
        "symptom": "elevated 5xx",
        "status": "triggered",
        "is_open": True,
        "opened_at": at(minutes),
        "updated_at": at(minutes),
    }
    return IncidentRow(incident_id=IncidentId(incident_id), **{**given, **fields})  # type: ignore[arg-type]


def run_row(run_id: str = "run-1", *, minutes: float = 0, **fields: object) -> RunRow:
    """A run's row, opened so many minutes after noon."""
    given: dict[str, object] = {
        "incident_id": INCIDENT,
        "runbook": "scale-out",
        "version": "ab" * 32,
        "service": "payments",
        "tenant": "team-payments",
        "environment": "prod",
        "status": "running",
        "is_open": True,
        "opened_at": at(minutes),
        "updated_at": at(minutes),
    }
    return RunRow(run_id=RunId(run_id), **{**given, **fields})  # type: ignore[arg-type]


def step_row(run_id: str = "run-1", step: str = "steps/0", **fields: object) -> StepRow:
    """The row of a step that succeeded."""
    given: dict[str, object] = {
        "name": "scale",
        "action": "scale-out/scale",
        "type": "kubernetes",
        "service": "payments",
        "tenant": "team-payments",
        "environment": "prod",
        "runbook": "scale-out",
        "version": "ab" * 32,
        "status": "succeeded",
        "at": NOON,
        "proposals": 1,
    }
    return StepRow(run_id=RunId(run_id), step=step, **{**given, **fields})  # type: ignore[arg-type]

"""An incident and its runs written event by event, for what the thread says about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.catalog.schema import Param, Runbook, RunbookName, Step
from bot.engine.ports import Tail
from bot.intake import incident as incidents
from bot.intake.incident import Candidate, Facts, Incident, IncidentOpened, LastTime, Origin, Place
from bot.runs import events as runs
from bot.runs.events import Actor, Asked, IncidentId, Permission, ProposalId, Result, RunId, StepKey
from bot.runs.fold import fold as fold_run
from bot.runs.plan import Plan, Target, Undo
from bot.runs.state import Run
from bot.slack.message import Message
from bot.slack.thread import messages

START = datetime(2026, 3, 14, 2, 0, tzinfo=UTC)
INCIDENT = IncidentId("0a1b2c3d")
RUN = RunId("5e6f7a8b")
ANN = Actor(kind="slack", id="U0ANN", person="ann@acme.example", name="Ann")
BEN = Actor(kind="slack", id="U0BEN", person="ben@acme.example", name="Ben")
NAMES = {"U0ANN": "Ann", "U0BEN": "Ben", "S0ONCALL": "oncall"}
BY_GROUP = Permission(via="S0ONCALL", members_read_at=START)
BY_NAME = Permission(via="U0ANN")
MENU = (
    ("scale-out-payments", "Scale payment-api out when its CPU is the bottleneck"),
    ("restart-payments", "Restart the payments service"),
    ("flush-redis", "Clear the Redis cache"),
    ("check-payments", "Look at the payments service, change nothing"),
)
LINKS = {"Dashboard": "https://grafana.acme.example/d/payments"}

ASKED = Asked(
    approvers=("S0ONCALL", "ann@acme.example"),
    source="service payments",
    message="Tell #payments before you scale in prod",
    mention=("S0ONCALL", "U0ANN"),
)
UNATTENDED = Asked(approvers=("S0ONCALL",), unattended=True)

NOTIFY = Step(name="tell-team", type="slack")
SCALE = Step(name="scale-out", type="http")
REPORT = Step(name="report", type="slack")
APOLOGY = Step(name="tell-team-it-is-off", type="slack")
RUNBOOK = Runbook(
    name=RunbookName("scale-out-payments"),
    description="Scale payment-api out when its CPU is the bottleneck",
    params=(Param(name="replicas", type="int", default=5, minimum=1, maximum=10),),
    steps=(SCALE, REPORT),
    on_reject=(APOLOGY,),
)

SCALE_PLAN = Plan(
    type="http",
    input={"method": "PUT", "url": "https://api.acme.example/scale", "body": {"replicas": 5}},
    targets=(Target(kind="url", name="api.acme.example:443", environment="prod"),),
    text="scale payment-api from 3 to 5 replicas",
    will_run=('PUT https://api.acme.example/scale\n{"replicas": 5}',),
    shown={"replicas": "3 → 5", "ready": "3 of 3"},
    guarded={"replicas": 3},
    undo=Undo(
        kind="step",
        text="scale payment-api back to 3 replicas",
        type="http",
        input={"replicas": 3},
        will_run=('PUT https://api.acme.example/scale\n{"replicas": 3}',),
    ),
    risk="medium",
    timeout_s=90,
)
REPORT_PLAN = Plan(
    type="slack",
    input={"message": "done"},
    targets=(Target(kind="channel", name="C0INC"),),
    text="post a message in this thread",
    will_run=("payment-api runs with 5 replicas now",),
    changes=False,
    undo=Undo(text="a message is not unsaid"),
    risk="low",
)


def shell_plan(command: str, **change: Any) -> Plan:
    """A shell step on one production host."""
    plan = Plan(
        type="shell",
        input={"command": command},
        targets=(Target(kind="host", name="web-1", environment="prod"),),
        text="run a command on web-1",
        will_run=(f"web-1: {command}",),
        shown={"where": "web-1 (10.0.0.11:22)"},
        observable=False,
        undo=Undo(text="what a command did cannot be known, so not undone"),
        risk="high",
    )
    return replace(plan, **change)


def done(summary: str = "200 OK after 0.4 s", **change: Any) -> Result:
    """A step that worked."""
    result = Result(verdict="succeeded", effect="applied", summary=summary, duration_s=0.42)
    return replace(result, **change)


@dataclass
class Stage:
    """Writes events one minute apart; `show` is what the thread says then."""

    facts: Facts = field(
        default_factory=lambda: Facts(
            title="CPU of payment-api above 95 % for 10 min",
            service="payments",
            symptom="cpu saturation",
            environment="prod",
            urgency="high",
            priority="P1",
            assignees=("Ann",),
            metric_name="cpu_usage",
            value=97.2,
            anomaly_score=0.93,
            number=4711,
        )
    )
    place: Place = field(default_factory=lambda: Place(channel="C0INC"))
    runbook: Runbook = RUNBOOK
    plan: Plan = SCALE_PLAN
    asked: Asked = ASKED
    now: datetime = START
    tail: Tail | None = None
    incident_events: list[runs.Event] = field(default_factory=list)
    run_events: list[runs.Event] = field(default_factory=list)

    def at(self, minutes: float = 1) -> datetime:
        """The time of the next event."""
        self.now += timedelta(minutes=minutes)
        return self.now

    def opened(self, **change: Any) -> Stage:
        """A page arrived."""
        event = IncidentOpened(
            at=self.now,
            incident_id=INCIDENT,
            origin=Origin(
                key="pagerduty:Q1ZK4T8W2R6B3N",
                source="pagerduty",
                url="https://acme.pagerduty.com/incidents/Q1ZK4T8W2R6B3N",
            ),
            facts=self.facts,
            place=self.place,
            last_times=(
                LastTime(
                    run_id=RunId("older"),
                    runbook="scale-out-payments",
                    status="succeeded",
                    at=START - timedelta(days=9),
                    permalink="https://acme.slack.com/archives/C0INC/p1793697162118259",
                    decided_by="Ben",
                ),
            ),
        )
        self.incident_events.append(replace(event, **change))
        return self

    def says(self, *events: runs.Event) -> Stage:
        """The incident goes on."""
        self.incident_events += events
        return self

    def ran(self, *events: runs.Event) -> Stage:
        """The run goes on."""
        self.run_events += events
        return self

    def suggested(self, proposal: str = "p-1", **change: Any) -> Stage:
        """A runbook is suggested."""
        at = self.at(0)
        event = incidents.RunbookSuggested(
            at=at,
            suggestion_id=ProposalId(proposal),
            runbook=self.runbook.model_dump(mode="json"),
            params={"replicas": 5},
            plan=self.plan,
            digest=self.plan.digest,
            asked=self.asked,
            expires_at=at + timedelta(minutes=10),
            remind_at=at + timedelta(minutes=5),
            why=("service payments", "symptom word cpu"),
            others=(Candidate(runbook="restart-payments", why=("service payments",)),),
            environment="prod",
        )
        return self.says(replace(event, **change))

    def thread_opened(self) -> Stage:
        """Slack took the root."""
        return self.says(
            incidents.ThreadOpened(
                at=self.now,
                channel="C0INC",
                ts="1793697162.118259",
                permalink="https://acme.slack.com/archives/C0INC/p1793697162118259",
            )
        )

    def taken(self, **change: Any) -> Stage:
        """The first click on the suggestion opens the run."""
        at = self.at()
        made = next(one for one in self.incident_events if isinstance(one, incidents.RunbookSuggested))
        self.says(incidents.SuggestionTaken(at=at, suggestion_id=made.suggestion_id, run_id=RUN))
        return self.ran(
            self.opening(at, **change),
            runs.StepProposed(
                at=made.at,
                proposal_id=made.suggestion_id,
                step=StepKey(),
                plan=made.plan,
                digest=made.digest,
                asked=made.asked,
                expires_at=made.expires_at,
            ),
        )

    def opening(self, at: datetime, **change: Any) -> runs.RunOpened:
        """The first event of the run."""
        event = runs.RunOpened(
            at=at,
            run_id=RUN,
            incident_id=INCIDENT,
            runbook=self.runbook.model_dump(mode="json"),
            params={"replicas": 5},
            values={},
            service="payments",
            tenant="payments",
            environment="prod",
            catalog_commit="9dd17b2aa0",
        )
        return replace(event, **change)

    def by_hand(self, **change: Any) -> Stage:
        """A run somebody started without a suggestion."""
        at = self.at()
        self.says(incidents.RunStarted(at=at, run_id=RUN))
        return self.ran(self.opening(at, requester=ANN, **change))

    def proposed(self, proposal: str, step: StepKey, plan: Plan, **change: Any) -> Stage:
        """A step is put before people."""
        at = self.at(0)
        event = runs.StepProposed(
            at=at,
            proposal_id=ProposalId(proposal),
            step=step,
            plan=plan,
            digest=plan.digest,
            asked=self.asked,
            expires_at=at + timedelta(minutes=10),
        )
        return self.ran(replace(event, **change))

    def approved(self, actor: Actor = ANN, proposal: str = "p-1", permission: Permission = BY_GROUP) -> Stage:
        """One person agrees."""
        made = self._made(proposal)
        return self.ran(
            runs.StepApproved(
                at=self.at(0),
                proposal_id=ProposalId(proposal),
                digest=made.digest,
                actor=actor,
                permission=permission,
            )
        )

    def started(self, proposal: str = "p-1") -> Stage:
        """Intent is on record."""
        made = self._made(proposal)
        return self.ran(
            runs.StepStarted(at=self.at(0), proposal_id=made.proposal_id, step=made.step, plan=made.plan)
        )

    def finished(self, result: Result | None = None, proposal: str = "p-1") -> Stage:
        """What came of it."""
        made = self._made(proposal)
        return self.ran(
            runs.StepFinished(
                at=self.at(), proposal_id=made.proposal_id, step=made.step, result=result or done()
            )
        )

    def ended(self, status: runs.FinalStatus, reason: str = "", left: tuple[str, ...] = ()) -> Stage:
        """The run is over."""
        return self.ran(runs.RunFinished(at=self.at(0), status=status, reason=reason, left=left))

    def _made(self, proposal: str) -> runs.StepProposed:
        return next(
            one
            for one in self.run_events
            if isinstance(one, runs.StepProposed) and one.proposal_id == proposal
        )

    @property
    def incident(self) -> Incident:
        """The fold."""
        return incidents.fold(self.incident_events)

    @property
    def run(self) -> Run:
        """The fold."""
        return fold_run(self.run_events)

    def show(self, menu: Sequence[tuple[str, str]] = MENU) -> list[Message]:
        """The thread as it stands."""
        found = [self.run] if self.run_events else []
        tails = {RUN: self.tail} if self.tail is not None else {}
        return messages(self.incident, found, tails, menu, links=LINKS)

    def message(self, key: str, menu: Sequence[tuple[str, str]] = MENU) -> Message:
        """One message of it."""
        return next(one for one in self.show(menu) if one.key == key)

    def shown_keys(self) -> list[str]:
        """The keys, in order."""
        return [one.key for one in self.show()]

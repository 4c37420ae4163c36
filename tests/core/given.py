"""What a core test starts from: small runbooks, people, and the events that bring a run to where it is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.catalog.schema import Rules, Runbook, RunbookName, Step
from bot.runs.events import (
    Actor,
    Asked,
    Event,
    IncidentId,
    Permission,
    ProposalId,
    Result,
    RunId,
    RunOpened,
    StepApproved,
    StepFinished,
    StepKey,
    StepProbed,
    StepProposed,
    StepStarted,
)
from bot.runs.intents import Ground
from bot.runs.plan import Effect, Plan, Target, Undo, Verdict
from bot.runs.policy import Caller, Policy

NOW = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)
EXPIRES = NOW + timedelta(minutes=10)
REMIND = NOW + timedelta(minutes=5)


def person(name: str, **more: Any) -> Caller:
    actor = Actor(kind="slack", id=f"U0{name.upper()}", person=f"{name}@acme.example", name=name)
    return Caller(actor=actor, email=f"{name}@acme.example", **more)


ALICE, BOB, EVE = person("alice"), person("bob"), person("eve")
ALICE_BY_API = Caller(
    actor=Actor(kind="api", id="ci-alice", person="alice@acme.example", name="alice's token"),
    email="alice@acme.example",
)
APPROVERS = ("U0ALICE", "bob@acme.example", "alice@acme.example")


def step(name: str, **more: Any) -> Step:
    return Step(name=name, type="dial", input={"dial": name}, digest=f"digest-{name}", **more)


def runbook(*names: str | Step, **more: Any) -> Runbook:
    steps = tuple(one if isinstance(one, Step) else step(one) for one in names)
    return Runbook(name=RunbookName("turn"), steps=steps, digest="v1", **more)


def plan(name: str = "a", **more: Any) -> Plan:
    target = Target(kind="host", name=name, environment="staging")
    made = Plan(
        type="dial",
        input={"dial": name, "value": 1},
        targets=(target,),
        text=f"turn {name} to 1",
        will_run=(f"turn {name} to 1",),
        guarded={name: 0},
        undo=Undo(kind="step", text=f"turn {name} back to 0", type="dial", input={"dial": name, "value": 0}),
    )
    return replace(made, **more)


def opened(book: Runbook, **more: Any) -> RunOpened:
    return RunOpened(
        at=NOW,
        run_id=RunId("r1"),
        incident_id=IncidentId("i1"),
        runbook=book.model_dump(mode="json"),
        params=more.pop("params", {}),
        values={},
        service="payments",
        tenant="team",
        **more,
    )


def asked(**more: Any) -> Asked:
    return Asked(approvers=more.pop("approvers", APPROVERS), **more)


def proposed(
    proposal_id: str = "p1", index: int = 0, *, name: str = "a", phase: Any = "steps", **more: Any
) -> StepProposed:
    made = more.pop("plan", None) or plan(name)
    return StepProposed(
        at=NOW,
        proposal_id=ProposalId(proposal_id),
        step=StepKey(phase=phase, index=index),
        plan=made,
        digest=made.digest,
        asked=more.pop("asked", asked()),
        expires_at=EXPIRES,
        remind_at=REMIND,
        **more,
    )


def approved(by: Caller = ALICE, *, of: StepProposed | None = None) -> StepApproved:
    made = of or proposed()
    return StepApproved(
        at=NOW,
        proposal_id=made.proposal_id,
        digest=made.digest,
        actor=by.actor,
        permission=Permission(via=by.actor.id),
    )


def started(of: StepProposed | None = None) -> StepStarted:
    made = of or proposed()
    return StepStarted(at=NOW, proposal_id=made.proposal_id, step=made.step, plan=made.plan)


def result(verdict: Verdict = "succeeded", effect: Effect = "applied", **more: Any) -> Result:
    return Result(verdict=verdict, effect=effect, summary=more.pop("summary", verdict), **more)


def ended(
    verdict: Verdict = "succeeded", effect: Effect = "applied", *, of: StepProposed | None = None, **more: Any
) -> StepFinished:
    made = of or proposed()
    return StepFinished(
        at=NOW, proposal_id=made.proposal_id, step=made.step, result=result(verdict, effect, **more)
    )


def probed(of: StepProposed | None = None) -> StepProbed:
    made = of or proposed()
    return StepProbed(at=NOW, proposal_id=made.proposal_id, step=made.step, text="a shows 1")


def ran(
    proposal_id: str,
    index: int,
    name: str,
    verdict: Verdict = "succeeded",
    effect: Effect = "applied",
    *,
    phase: Any = "steps",
) -> tuple[Event, ...]:
    """A step from its proposal to its outcome."""
    made = proposed(proposal_id, index, name=name, phase=phase)
    return made, approved(of=made), started(made), ended(verdict, effect, of=made)


def policy(**more: Any) -> Policy:
    made = Policy(
        asks=True,
        approvers=APPROVERS,
        source="step",
        min_approvals=1,
        allow_self_approval=False,
        risk="",
        message="",
    )
    return replace(made, **more)


def ground(by: Caller = ALICE, *, later: timedelta = timedelta(), **more: Any) -> Ground:
    """Who asks, under which rules, how long after `NOW`."""
    return Ground(
        caller=by,
        policy=more.pop("policy", policy()),
        now=NOW + later,
        memberships=more.pop("memberships", {}),
        starters=more.pop("starters", ()),
    )


def rules(**more: Any) -> Rules:
    return Rules(**more)

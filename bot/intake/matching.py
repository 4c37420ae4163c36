"""Which runbooks fit an incident, best first and with why; a pure look at the catalog in force.

Each part of a trigger says yes, no, or nothing:

    service     the incident's service is (not) one of those named; where it is unknown, a named one is a no
    metric      the anomaly is (not) of this metric; a page without a metric says nothing
    condition   holds, does not hold, or cannot be evaluated because a value is not known
    symptoms    a word or phrase is found; none found is a no, unless metric or condition said yes
    name        a schedule asks for its own runbook: that alone decides, and every other one is left out
    place       a step may never run in the incident's environment, or touches a host of another one: a no

One no leaves the runbook out, with the reason. One yes is needed; a runbook without a trigger is found only in the
menu. Order: everything evaluable before what is not; then service, condition, metric, symptom weight; then the name, so
that the same question always gets the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from bot.catalog.expressions import VARIABLES, Condition, NotEvaluable
from bot.catalog.schema import Catalog, Runbook, RunbookName, Step
from bot.errors import BadInput
from bot.intake import symptoms
from bot.intake.incident import Candidate, Facts


@dataclass(frozen=True, kw_only=True)
class Excluded:
    """A runbook that does not fit, with the first reason."""

    runbook: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Matches:
    """What fits, best first, and what does not."""

    candidates: tuple[Candidate, ...] = ()
    excluded: tuple[Excluded, ...] = ()


@dataclass
class _Opinion:
    """What the parts of one trigger have said so far."""

    why: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    no: str = ""
    is_named: bool = False
    has_service: bool = False
    has_condition: bool = False
    has_metric: bool = False
    symptom_weight: int = 0

    @property
    def is_yes(self) -> bool:
        return (
            self.is_named
            or self.has_service
            or self.has_condition
            or self.has_metric
            or self.symptom_weight > 0
        )

    @property
    def rank(self) -> tuple[int, int, int, int, int]:
        return (
            1 if self.unknown else 0,
            -int(self.has_service),
            -int(self.has_condition),
            -int(self.has_metric),
            -self.symptom_weight,
        )


def next_steps(catalog: Catalog, *, facts: Facts, source: str = "") -> tuple[Candidate, ...]:
    """The runbooks that fit, best first; empty when none does."""
    return matches(catalog, facts=facts, source=source).candidates


def matches(catalog: Catalog, *, facts: Facts, source: str = "") -> Matches:
    """The runbooks that fit, best first, and every other one with why it does not."""
    ranked: list[tuple[tuple[tuple[int, ...], str], Candidate]] = []
    excluded: list[Excluded] = []
    for name in sorted(catalog.runbooks):
        opinion = _opinion(catalog, catalog.runbooks[name], facts, source=source)
        if opinion.no or not opinion.is_yes:
            reason = opinion.no or "; ".join(opinion.unknown) or "its trigger names nothing to match"
            excluded.append(Excluded(runbook=name, reason=reason))
            continue
        candidate = Candidate(
            runbook=name, why=(*opinion.why, *opinion.unknown), evaluable=not opinion.unknown
        )
        ranked.append(((opinion.rank, name), candidate))
    ranked.sort(key=lambda one: one[0])
    return Matches(candidates=tuple(candidate for _, candidate in ranked), excluded=tuple(excluded))


def all_runbooks(catalog: Catalog, *, first: Sequence[Candidate] = ()) -> tuple[RunbookName, ...]:
    """Every runbook for the menu: those that fit in their order, then the rest by name."""
    fitting = [RunbookName(one.runbook) for one in first if RunbookName(one.runbook) in set(catalog.runbooks)]
    rest = [RunbookName(name) for name in sorted(catalog.runbooks) if name not in fitting]
    return (*dict.fromkeys(fitting), *rest)


def symptom_of(facts: Facts) -> str:
    """What is wrong in words: the symptom where it is known, else the title."""
    return facts.symptom or facts.title


def _opinion(catalog: Catalog, runbook: Runbook, facts: Facts, *, source: str) -> _Opinion:
    opinion = _Opinion()
    if facts.runbook:
        _about_name(opinion, runbook, facts)
        opinion.no = opinion.no or never_applies(catalog, runbook, facts)
        return opinion
    _about_service(opinion, catalog, runbook, facts)
    _about_metric(opinion, runbook, facts)
    _about_condition(opinion, runbook, facts, source=source)
    _about_symptoms(opinion, runbook, facts)
    if not opinion.no:
        opinion.no = never_applies(catalog, runbook, facts)
    return opinion


def _about_name(opinion: _Opinion, runbook: Runbook, facts: Facts) -> None:
    """The source asks for one runbook, and that is all there is to match."""
    if runbook.name == facts.runbook:
        opinion.is_named = True
        opinion.why.append("its schedule came round")
    else:
        opinion.no = f"the schedule is that of {facts.runbook}"


def _about_service(opinion: _Opinion, catalog: Catalog, runbook: Runbook, facts: Facts) -> None:
    named = runbook.trigger.services
    if not named:
        return
    known = {service.name if (service := catalog.service_named(name)) else name for name in named}
    if facts.service and facts.service in known:
        opinion.has_service = True
        opinion.why.append(f"service is {facts.service}")
    elif facts.service:
        opinion.no = f"it is for {', '.join(sorted(known))}, not for {facts.service}"
    else:
        called = f"{facts.service_text!r} is" if facts.service_text else "the service of this incident is"
        opinion.no = f"it is for {', '.join(sorted(known))}, and {called} not in the catalog"


def _about_metric(opinion: _Opinion, runbook: Runbook, facts: Facts) -> None:
    wanted = runbook.trigger.metric_name
    if not wanted:
        return
    if not facts.metric_name:
        opinion.unknown.append(f"metric {wanted} not compared: the incident names no metric")
    elif facts.metric_name == wanted:
        opinion.has_metric = True
        opinion.why.append(f"metric is {wanted}")
    else:
        opinion.no = opinion.no or f"it is for the metric {wanted}, not for {facts.metric_name}"


def _about_condition(opinion: _Opinion, runbook: Runbook, facts: Facts, *, source: str) -> None:
    text = runbook.trigger.condition
    if not text:
        return
    variables = _variables(facts, source=source)
    answer = _evaluate(text, variables)
    if isinstance(answer, NotEvaluable):
        reason = f"{answer.missing} is not known" if answer.missing else answer.reason
        opinion.unknown.append(f"condition `{text}` not evaluable: {reason}")
        return
    seen = ", ".join(
        _figure(value) if isinstance(value, float) else str(value)
        for name, value in variables.items()
        if re.search(rf"\b{name}\b", text)
    )
    shown = f": {seen}" if seen else ""
    if answer:
        opinion.has_condition = True
        opinion.why.append(f"condition `{text}` holds{shown}")
    else:
        opinion.no = opinion.no or f"condition `{text}` does not hold{shown}"


def _about_symptoms(opinion: _Opinion, runbook: Runbook, facts: Facts) -> None:
    wanted = runbook.trigger.symptoms
    if not wanted:
        return
    found = symptoms.find(wanted, f"{facts.title}\n{facts.symptom}")
    if found:
        opinion.symptom_weight = sum(one.weight for one in found)
        opinion.why.append(f"symptom words matched: {', '.join(one.phrase for one in found)}")
    elif not (opinion.has_metric or opinion.has_condition):
        opinion.no = opinion.no or f"none of its symptom words is in the title: {', '.join(wanted)}"


def _variables(facts: Facts, *, source: str) -> dict[str, Any]:
    given = {
        "anomaly_score": facts.anomaly_score,
        "value": facts.value,
        "metric_name": facts.metric_name,
        "service": facts.service,
        "environment": facts.environment,
        "urgency": facts.urgency,
        "priority": facts.priority,
        "title": facts.title,
        "source": source,
    }
    return {name: given[name] for name in VARIABLES if given.get(name) not in (None, "")}


def _evaluate(text: str, variables: dict[str, Any]) -> bool | NotEvaluable:
    try:
        return _compiled(text).evaluate(variables)
    except BadInput as error:  # a catalog made without lint; never a reason to leave a page unanswered
        return NotEvaluable(reason=error.message)


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Condition:
    return Condition.compile(text)


def _figure(value: float) -> str:
    return f"{value:.12g}"


def never_applies(catalog: Catalog, runbook: Runbook, facts: Facts) -> str:
    """Why some step of a runbook could never run in the environment of these facts, "" where each could."""
    if not facts.environment:
        return ""
    for step in runbook.steps:
        if step.type == "slack":  # it touches no environment
            continue
        if reason := _out_of_scope(catalog, runbook, step, facts.environment):
            return reason
        place = _environment_of(catalog, step, facts)
        if place and place != facts.environment:
            return f"step {step.name} touches {place}, and this incident is in {facts.environment}"
    return ""


def _out_of_scope(catalog: Catalog, runbook: Runbook, step: Step, environment: str) -> str:
    """The same rule as `runs.policy.check_place`, asked early: every level that names scopes must allow it."""
    for rules, who, digest in (
        (step.rules, f"step {step.name}", runbook.digest),
        (step.action_rules, f"action {step.action}", step.digest),
        (runbook.rules, "it", runbook.digest),
    ):
        promoted = catalog.promotions.get(digest, ())
        if rules.scopes is not None and environment not in (*rules.scopes, *promoted):
            return f"{who} may run in {', '.join(rules.scopes) or 'no environment'}, not in {environment}"
    return ""


def _environment_of(catalog: Catalog, step: Step, facts: Facts) -> str:
    """The environment of the host or namespace that a step names outright, "" where only a plan can tell."""
    if step.type == "kubernetes":
        cluster = catalog.clusters.get(str(step.input.get("cluster", "")))
        return cluster.namespaces.get(str(step.input.get("namespace", "")), "") if cluster else ""
    if step.type != "shell":
        return ""
    named = step.input.get("host") or (None if step.input.get("hosts") else _default_host(catalog, facts))
    host = catalog.hosts.get(named) if isinstance(named, str) else None
    return host.environment if host else ""


def _default_host(catalog: Catalog, facts: Facts) -> str:
    service = catalog.service_named(facts.service) if facts.service else None
    return (service.host if service else "") or catalog.default_host

"""Who may decide, how many must agree, and where a step may run: pure rules over today's catalog.

Content comes from the run's snapshot, rules from the catalog in force (design: "content from the snapshot, rules
from today"), and where both speak the stricter wins. A human is asked unless a tag in Git says otherwise; an
environment may ask every time. Approvers resolve step → action → runbook → service → environment, and the first
level that names anybody decides. Nothing here guesses: a runbook that has left the catalog, a group that could not
be read, an environment nobody named are refusals with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from bot.catalog.schema import Catalog, Rules, Runbook, Service, Step, Trust
from bot.errors import NotPermitted, Refused
from bot.runs.events import Actor, Asked, OnFinding, Permission, StepApproved, StepOverridden
from bot.runs.plan import Plan

_T = TypeVar("_T")

OPERATOR = "api:operator"
"""What a program's token may carry instead of being a person in the catalog: it may start runs and cancel them.
It stands in no list of approvers, so it decides nothing."""

ON_CALL = "pagerduty:oncall"
"""Stands among approvers for whoever is on call for the service at the moment of asking."""

MEMBERSHIP_TTL = timedelta(minutes=5)
"""How long a reading of a group counts without Slack or PagerDuty (invariant 5)."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whoever asks for something: the actor, and why they may never decide ("" where nothing bars them)."""

    actor: Actor
    email: str = ""
    barred: str = ""
    """`guests may not decide`, `a member of another workspace`, …"""
    grants: frozenset[str] = frozenset()
    """Entries that hold for this caller besides who they are: what a program's token was given, see `OPERATOR`."""


@dataclass(frozen=True, kw_only=True)
class Membership:
    """Who is in a group, and when that was read; `error` where it could not be."""

    group: str
    """S… for a Slack user group, or `pagerduty:oncall/SERVICE` for who is on call for a service."""
    user_ids: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    """Lower case; PagerDuty knows people by these."""
    read_at: datetime | None = None
    handle: str = ""
    """What people call it, "" where that is not known."""
    error: str = ""


Memberships = Mapping[str, Membership]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules for one step at one moment."""

    asks: bool
    approvers: tuple[str, ...]
    """Entries with catalog groups expanded: U… ids, emails, S… user groups."""
    source: str
    min_approvals: int
    allow_self_approval: bool
    risk: str
    message: str
    direct_message: tuple[str, ...] = ()
    """Those of the approvers whose group asks to be told by direct message."""
    escalate_to: tuple[str, ...] = ()
    """Who is asked when nobody decided in time, one entry after the other, as written in the catalog."""
    escalated: tuple[str, ...] = ()
    """Those it came to already, groups expanded; they decide besides the approvers."""
    override: tuple[str, ...] = ()
    """Who may break glass, groups expanded like the approvers; nobody unless the catalog names somebody."""
    trust: Trust | None = None
    """What lets it run without a decision where no tag does: then it must be safe as well, see `is_unattended`."""

    def decided_by(self, starters: Sequence[str]) -> Policy:
        """The same rules with everybody who may decide among the approvers; `starters` where these name nobody."""
        first = self.approvers or tuple(starters)
        everybody = tuple(dict.fromkeys((*first, *self.escalated)))
        source = self.source if self.approvers or not starters else "starters"
        return replace(self, approvers=everybody, source=source, escalated=())

    def asked(self, *, unattended: bool) -> Asked:
        """What a proposal records of these rules."""
        return Asked(
            approvers=self.approvers,
            source=self.source,
            min_approvals=self.min_approvals,
            allow_self_approval=self.allow_self_approval,
            unattended=unattended,
            message=self.message,
            direct_message=self.direct_message,
            escalate_to=self.escalate_to,
            override=self.override,
            trust=_trusted(self.trust) if unattended and self.trust is not None else "",
        )


def _trusted(trust: Trust) -> str:
    """Why nobody is asked, for people."""
    who = f", by {trust.promoted_by}" if trust.promoted_by else ""
    when = f" on {trust.promoted_at[:10]}" if trust.promoted_at else ""
    return (
        f"the diagnosis is certain that it is {trust.finding}, and {trust.runbook} is promoted to begin by itself on "
        f"that in {trust.environment}{who}{when} (right {trust.right} of {trust.judged} times that people judged it)"
    )


def policy_of(
    catalog: Catalog,
    runbook: Runbook,
    step: Step,
    *,
    service: Service | None,
    environment: str,
    escalated: Collection[str] = (),
    trust: Trust | None = None,
) -> Policy:
    """The rules in force for a step of a run; raises `NotPermitted` when the catalog no longer has the runbook.

    `escalated` are the entries that were asked since because nobody decided: those of them that today's catalog
    still escalates to are approvers like the first. `trust` stands in for a tag that is not there (see `trust_of`);
    it never outweighs what is.
    """
    today = catalog.runbooks.get(runbook.name)
    if today is None:
        raise NotPermitted(
            f"runbook {runbook.name!r} is no longer in the catalog, so nobody may approve its steps",
            hint="cancel the run, or put the runbook back",
        )
    current = _step_today(catalog, today, runbook, step)
    levels = (
        ("step", current.rules),
        (f"action {step.action}", current.action_rules),
        (f"runbook {runbook.name}", today.rules),
    )
    services = owners(catalog, today, service)
    approvers, source = _approvers(catalog, levels, services=services, environment=environment)
    next_asked = _escalation(catalog, levels, services=services, environment=environment)
    now_asked = tuple(entry for entry in next_asked if entry in escalated)
    expanded, direct = expand(catalog, approvers, services=services)
    added, added_direct = expand(catalog, now_asked, services=services)
    both = [rules for _, rules in levels] + [step.rules, step.action_rules, runbook.rules]
    least = max([rules.min_approvals or 1 for rules in both])
    asks = _asks(step, current, catalog=catalog, environment=environment)
    insists = _asks(step, current, catalog=catalog, environment=environment, is_trusted=True) or least > 1
    trust = trust if asks and not insists else None
    return Policy(
        asks=asks and trust is None,
        trust=trust,
        approvers=expanded,
        source=source,
        min_approvals=least,
        allow_self_approval=_self_approval([rules for _, rules in levels])
        and _self_approval([step.rules, step.action_rules, runbook.rules]),
        risk=_first([rules.risk for rules in both]) or "",
        message=_first([rules.message for rules in both]) or "",
        direct_message=(*direct, *added_direct),
        escalated=added,
        escalate_to=next_asked,
        override=_override(catalog, services=services, environment=environment),
    )


def _step_today(catalog: Catalog, today: Runbook, runbook: Runbook, step: Step) -> Step:
    """The step as today's files have it; where it is gone from them, the snapshot's with today's action rules."""
    for phase in ("steps", "on_reject"):
        if step in getattr(runbook, phase):
            steps: tuple[Step, ...] = getattr(today, phase)
            same = next((one for one in steps if one.name == step.name), None)
            if same is not None and same.action == step.action and same.type == step.type:
                return same
    action = catalog.actions.get(step.action) if step.action else None
    if step.action and action is None:
        raise NotPermitted(
            f"action {step.action!r} is no longer in the catalog, so nobody may approve it",
            hint="cancel the run, or put the action back",
        )
    return step.model_copy(update={"action_rules": action.action_rules if action else Rules()})


def trust_of(
    catalog: Catalog, runbook: Runbook, on_finding: OnFinding | None, *, environment: str
) -> Trust | None:
    """What of today's catalog lets this runbook, as it is, begin by itself on that finding in that environment."""
    today = catalog.runbooks.get(runbook.name)
    place = catalog.environments.get(environment)
    if on_finding is None or today is None or today.digest != runbook.digest:
        return None
    if place is None or not place.auto_start:
        return None
    wanted = (on_finding.finding, runbook.name, runbook.digest, environment)
    return next(
        (one for one in catalog.trusts if (one.finding, one.runbook, one.digest, one.environment) == wanted),
        None,
    )


def _asks(step: Step, current: Step, *, catalog: Catalog, environment: str, is_trusted: bool = False) -> bool:
    """`is_trusted`: only what asks in so many words does."""
    if step.type == "diagnose":
        return False
    known = catalog.environments.get(environment)
    if known is not None and known.confirm_every_step:
        return True
    return any(_asks_by(rules_of, is_trusted=is_trusted) for rules_of in (step, current))


def _asks_by(step: Step, *, is_trusted: bool) -> bool:
    said = [rules.requires_approval for rules in (step.rules, step.action_rules)]
    if True in said:
        return True
    return False not in said and not is_trusted


def _self_approval(levels: Sequence[Rules]) -> bool:
    """Allowed only where the most specific level that speaks says so."""
    return _first([rules.allow_self_approval for rules in levels]) is True


def _first(values: Sequence[_T | None]) -> _T | None:
    return next((value for value in values if value not in (None, "")), None)


def _approvers(
    catalog: Catalog,
    levels: Sequence[tuple[str, Rules]],
    *,
    services: Sequence[Service],
    environment: str,
) -> tuple[tuple[str, ...], str]:
    for source, rules in levels:
        if rules.approvers:
            return rules.approvers, source
    common = in_all([service.approvers for service in services])
    if common:
        return common, f"service {', '.join(service.name for service in services)}"
    known = catalog.environments.get(environment)
    if known is not None and known.approvers:
        return known.approvers, f"environment {known.name}"
    return (), ""


def _escalation(
    catalog: Catalog,
    levels: Sequence[tuple[str, Rules]],
    *,
    services: Sequence[Service],
    environment: str,
) -> tuple[str, ...]:
    """Whom the first level that names anybody escalates to; a level that names approvers need not be the same."""
    for _, rules in levels:
        if rules.escalate_to:
            return rules.escalate_to
    known = catalog.environments.get(environment)
    return in_all([one.escalate_to for one in services]) or (known.escalate_to if known is not None else ())


def _override(catalog: Catalog, *, services: Sequence[Service], environment: str) -> tuple[str, ...]:
    """Who may break glass: the people of the service, else of the environment.

    No step, action or runbook can name them: whoever writes what is done must not also open the way around those
    who have to agree to it.
    """
    known = catalog.environments.get(environment)
    named = in_all([one.override for one in services]) or (known.override if known is not None else ())
    return expand(catalog, named, services=services)[0]


def owners(catalog: Catalog, runbook: Runbook, service: Service | None) -> tuple[Service, ...]:
    """The services whose people answer for a runbook in a run for `service`.

    That service, unless the runbook names others only: whoever brings it into a foreign thread does not bring their
    own approvers with them.
    """
    named = {found.name: found for name in runbook.trigger.services if (found := catalog.service_named(name))}
    if not named or (service is not None and service.name in named):
        return () if service is None else (service,)
    return tuple(named.values())


def in_all(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The entries that stand in every list, in the first one's order."""
    first, *others = lists or ((),)
    return tuple(entry for entry in first if all(entry in other for other in others))


def expand(
    catalog: Catalog, entries: Sequence[str], *, services: Sequence[Service] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Entries with catalog groups replaced by their members, and those of them to be told directly.

    `pagerduty:oncall` becomes that of the service it is about. About none, or about several at once, it stays as it
    is, and nobody is behind it.
    """
    found: dict[str, None] = {}
    direct: dict[str, None] = {}
    for entry in entries:
        group = catalog.groups.get(entry.removeprefix("@"))
        members = [_of_service(one, services) for one in (group.members if group else (entry,))]
        found.update(dict.fromkeys(members))
        if group is not None and group.direct_message:
            direct.update(dict.fromkeys(members))
    return tuple(found), tuple(direct)


def _of_service(entry: str, services: Sequence[Service]) -> str:
    return f"{ON_CALL}/{services[0].name}" if entry == ON_CALL and len(services) == 1 else entry


def is_on_call(entry: str) -> bool:
    """Whether an entry is whoever is on call at PagerDuty, of a service or of none that is known."""
    return entry == ON_CALL or entry.startswith(f"{ON_CALL}/")


def is_group(entry: str) -> bool:
    """Whether an approver entry is a group outside the catalog, whose members must be read."""
    return is_user_group(entry) or is_on_call(entry)


def is_user_group(entry: str) -> bool:
    """Whether an approver entry is a Slack user group, whose members must be read."""
    return entry.startswith("S") and entry.isupper() and entry.isalnum()


def permit(
    entries: Sequence[str],
    caller: Caller,
    memberships: Memberships,
    *,
    now: datetime,
    to: str,
    named: str = "its approvers",
) -> Permission:
    """Why this caller may do `to` (a verb phrase), or `NotPermitted` with who may and what could not be read.

    `named` is what the entries are called in the refusal.
    """
    if caller.barred:
        raise NotPermitted(f"you may not {to}: {caller.barred}", hint="ask somebody who is named as approver")
    if not entries:
        raise NotPermitted(
            f"nobody may {to}: the catalog names no approvers for it",
            hint="add `approvers` to the step, action, runbook, service or environment",
        )
    unread: list[str] = []
    for entry in entries:
        if (
            entry == caller.actor.id
            or entry in caller.grants
            or (caller.email and entry.lower() == caller.email.lower())
        ):
            return Permission(via=entry)
        if is_group(entry):
            membership = memberships.get(entry)
            trouble = _unusable(membership, now=now)
            if trouble or membership is None:
                unread.append(f"{entry} ({trouble})")
            elif caller.actor.id in membership.user_ids or caller.email.lower() in membership.emails:
                return Permission(via=entry, members_read_at=membership.read_at, handle=membership.handle)
    if unread:
        raise NotPermitted(
            f"you may not {to} now: nobody can tell whether you are one of those who may, because the members of "
            f"{', '.join(unread)} could not be read",
            hint="try again in a minute",
        )
    raise NotPermitted(
        f"you may not {to}: you are not one of {named}",
        hint="ask one of them: `/runbook who` in Slack names them",
    )


def _unusable(membership: Membership | None, *, now: datetime) -> str:
    if membership is None:
        return "not read yet"
    if membership.read_at is None:
        return membership.error or "not read yet"
    if now - membership.read_at > MEMBERSHIP_TTL:
        return membership.error or "read more than five minutes ago"
    return ""


def forbid_self_approval(policy: Policy | Asked, caller: Caller, requester: Actor | None) -> None:
    """Raise `NotPermitted` when the caller started or last edited this and may not approve their own."""
    if requester is not None and requester.is_same_human(caller.actor) and not policy.allow_self_approval:
        raise NotPermitted(
            "you may not approve this: you started or last edited it, and another person must agree",
            hint="ask another approver",
        )


def standing(
    policy: Policy,
    approvals: Sequence[StepApproved],
    memberships: Memberships,
    *,
    requester: Actor | None,
    now: datetime,
) -> list[tuple[StepApproved, str]]:
    """The approvals that today's rules would not take any more, each with why."""
    fallen = []
    for approval in approvals:
        caller = _as_caller(approval.actor)
        try:
            permit(policy.approvers, caller, memberships, now=now, to="approve this")
            forbid_self_approval(policy, caller, requester)
        except NotPermitted as refusal:
            fallen.append((approval, refusal.message))
    return fallen


def override_trouble(
    policy: Policy, override: StepOverridden, memberships: Memberships, *, now: datetime
) -> str:
    """Why today's rules would not take this override any more; "" while they would."""
    if not policy.override:
        return "nobody may break glass here any more"
    try:
        permit(policy.override, _as_caller(override.actor), memberships, now=now, to="break glass here")
    except NotPermitted as refusal:
        return refusal.message
    return ""


def _as_caller(actor: Actor) -> Caller:
    return Caller(actor=actor, email=actor.person if "@" in actor.person else "")


def check_place(catalog: Catalog, runbook: Runbook, step: Step, plan: Plan, *, environment: str) -> str:
    """The one environment this plan is for ("" where it touches none); raises `Refused` when it may not run there.

    `environment` is the run's, where it is known already. Every level that names scopes must allow the place, in the
    snapshot and today: an action by its scopes and promotions, a runbook (and what it says at a step) by its own.
    An undo is approved with its step, so its targets count like the step's.
    """
    targets = (*plan.targets, *plan.undo.targets)
    unknown = [target.key for target in targets if not target.environment and target.kind != "channel"]
    if unknown:
        raise Refused(
            f"{', '.join(unknown)} belongs to no environment, so nothing may run there",
            hint="add it to `catalog.yaml` under its environment",
        )
    found = sorted({target.environment for target in targets if target.environment})
    if len(found) > 1:
        raise Refused(f"one step may not touch several environments at once ({', '.join(found)})")
    if not found:
        return environment
    place = found[0]
    if environment and place != environment:
        raise Refused(f"this run is for {environment}, but the step would touch {place}")
    for scopes, who, digest in _scopes(catalog, runbook, step):
        if place not in scopes and place not in catalog.promotions.get(digest, ()):
            raise Refused(
                f"{who} may run in {', '.join(scopes) or 'no environment'}, not in {place}",
                hint="promote it there with evidence, or choose another step",
            )
    return place


def _scopes(catalog: Catalog, runbook: Runbook, step: Step) -> list[tuple[tuple[str, ...], str, str]]:
    """Each level that names scopes: them, what it is called, and the digest whose promotions widen them."""
    today_action = catalog.actions.get(step.action) if step.action else None
    today = catalog.runbooks.get(runbook.name)
    said: list[tuple[Rules | None, str, str]] = [
        (step.rules, f"step {step.name}", runbook.digest),
        (step.action_rules, f"action {step.action}", step.digest),
        (today_action.action_rules if today_action else None, f"action {step.action}", step.digest),
        (runbook.rules, f"runbook {runbook.name}", runbook.digest),
        (today.rules if today else None, f"runbook {runbook.name}", runbook.digest),
    ]
    return [
        (tuple(rules.scopes), who, digest)
        for rules, who, digest in said
        if rules is not None and rules.scopes is not None
    ]


def is_unattended(policy: Policy, plan: Plan, *, dry_run: bool, scoped: bool) -> bool:
    """Whether this step runs without a decision: tagged so in Git, and (where it changes something) scoped there."""
    if dry_run:
        return True
    if policy.trust is not None and not _is_safe(policy, plan):
        return False
    return not policy.asks and (scoped or not plan.changes)


def _is_safe(policy: Policy, plan: Plan) -> bool:
    """Whether a step may run on trust: what it changes can be taken back by a step, and its risk is not high."""
    has_undo = plan.undo.kind not in ("none", "manual") or not plan.changes
    return has_undo and (policy.risk or plan.risk) != "high"


def has_scopes(runbook: Runbook, step: Step) -> bool:
    """Whether anybody wrote down where this step may run."""
    return any(rules.scopes is not None for rules in (step.rules, step.action_rules, runbook.rules))

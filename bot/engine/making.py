"""A step made concrete: rendered with the values of this moment, planned by its type, held against today's rules.

`Maker.make` is what stands behind every proposal and is called again right before executing; the same state and the
same rules give the same digest. It reads, and it never writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from bot.actions.base import INCIDENT_THREAD, Action, PlanScope
from bot.catalog.params import parse_params
from bot.catalog.placeholders import references
from bot.catalog.schema import Catalog, Param, Rollback, Step, Trust
from bot.catalog.templating import Unrenderable, render, render_tree
from bot.engine.planning import plan_of
from bot.errors import ActionError, BadInput, BotError, Refused
from bot.intake.foreign import strings_in
from bot.runs.events import IncidentId, StepKey
from bot.runs.plan import JsonObject, Plan, Undo
from bot.runs.policy import Policy, check_place, has_scopes, is_unattended, policy_of, trust_of
from bot.runs.state import Run, StepState

UNDO_WORDS_LIMIT = 200
ONLY_LATER = "known only after that step ran"


@dataclass(frozen=True, kw_only=True)
class Made:
    """A step ready to be proposed or executed."""

    plan: Plan
    policy: Policy
    environment: str
    is_unattended: bool


class NotMade(BotError):
    """A step that cannot be made concrete, with the reason; nothing ran."""

    code = "not-made"


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Turns steps into plans. Holds no state."""

    catalog: Callable[[], Catalog]
    action: Callable[[str], Action]
    """The action of a type; raises `Refused` for a type there is not."""

    async def make(self, run: Run, key: StepKey) -> Made:
        """The step as it would run now; raises `NotMade` with a sentence for people."""
        catalog = self.catalog()
        step = run.steps[key].step
        try:
            plan = await self._plan(run, key)
            environment = check_place(catalog, run.runbook, step, plan, environment=run.environment)
            policy = self.policy(run, key, environment=environment)
        except (Refused, ActionError) as problem:
            if run.opened.dry_run and (later := awaited(step)):
                names = ", ".join(f"{{{{ {path} }}}}" for path in later)
                raise NotMade(
                    f"step {step.name} uses {names}, which a dry run does not know",
                    hint="what it would do is known only after that step ran",
                ) from problem
            raise NotMade(problem.message, hint=problem.hint) from problem
        unattended = is_unattended(
            policy, plan, dry_run=run.opened.dry_run, scoped=has_scopes(run.runbook, step)
        )
        if not unattended and not policy.approvers:
            raise NotMade(
                f"step {step.name} asks for approval, but the catalog names nobody who may give it",
                hint="add `approvers` to the step, action, runbook, service or environment",
            )
        plan = replace(plan, risk=policy.risk or plan.risk)
        if run.opened.dry_run and (later := awaited(step)):
            plan = replace(plan, shown={**plan.shown, **{path: ONLY_LATER for path in later}})
        return Made(plan=plan, policy=policy, environment=environment, is_unattended=unattended)

    def policy(self, run: Run, key: StepKey, *, environment: str = "") -> Policy:
        """Today's rules for a step; raises `NotPermitted` where the catalog no longer knows it."""
        catalog = self.catalog()
        return policy_of(
            catalog,
            run.runbook,
            run.steps[key].step,
            service=catalog.services.get(run.opened.service),
            environment=environment or run.environment,
            escalated=run.steps[key].escalated,
            trust=self._trust(run, key, environment or run.environment),
        )

    def _trust(self, run: Run, key: StepKey, environment: str) -> Trust | None:
        """Trust is for the first step alone: what it brings about, the diagnosis did not see."""
        if key != StepKey():
            return None
        return trust_of(self.catalog(), run.runbook, run.opened.on_finding, environment=environment)

    def scope(self, run: Run, *, key: str, timeout_s: float, risk: str | None = None) -> PlanScope:
        """What a plan for this run may look at; `key` names the step (or its undo) for ever."""
        catalog = self.catalog()
        return PlanScope(
            catalog=catalog,
            service=catalog.services.get(run.opened.service),
            timeout_s=timeout_s,
            risk=risk,
            channel=str(run.opened.values.get("place", {}).get("channel", "")),
            thread_ts=thread_of(run.incident_id),
            key=f"{run.id}/{key}",
        )

    async def _plan(self, run: Run, key: StepKey) -> Plan:
        step = run.steps[key].step
        values = run_values(run)
        risk = step.rules.risk or step.action_rules.risk
        scope = self.scope(run, key=str(key), timeout_s=step.timeout_s, risk=risk)
        scope = replace(scope, after=run.steps[key].after, in_parts=not run.opened.dry_run)
        plan = await self._concrete(step, values, run.runbook.params, scope)
        if step.rollback is None:
            return replace(plan, undo=_natural(step, plan))
        whole = replace(scope, in_parts=False)
        undo = await self._declared(step.rollback, values, run.runbook.params, whole)
        if plan.part:
            of = await self._concrete(step, values, run.runbook.params, whole)
            return replace(plan, undo=_on_the_touched(undo, of))
        return replace(plan, undo=_on_the_touched(undo, plan))

    async def _concrete(
        self, step: Step, values: JsonObject, params: Sequence[Param], scope: PlanScope
    ) -> Plan:
        """A step or an inverse, both spelled in the run's own names (see `schema.Step.arguments`)."""
        values, params = _own_scope(step, values, params)
        action = self.action(step.type)
        dashes = [f"params.{param.name}" for param in params if param.allow_leading_dash]
        rendered = render(step.input, action.Input, values, dash_allowed=dashes)
        return await plan_of(action, parse_input(action, rendered, step_name=step.name), scope)

    async def _declared(
        self, rollback: Rollback, values: JsonObject, params: Sequence[Param], scope: PlanScope
    ) -> Undo:
        if rollback.step is None:
            return Undo(kind="manual", text=rollback.manual)
        scope = replace(scope, timeout_s=rollback.step.timeout_s)
        inverse = await self._concrete(rollback.step, values, params, scope)
        return Undo(
            kind="step",
            text=_undo_words(inverse),
            type=inverse.type,
            input=inverse.input,
            targets=inverse.targets,
            will_run=inverse.will_run,
            expect=tuple(one.model_dump(mode="json") for one in rollback.step.expect),
            timeout_s=inverse.timeout_s,
            per_target=inverse.per_target,
        )


def _on_the_touched(undo: Undo, plan: Plan) -> Undo:
    """An undo on some of the step's own targets is done on those that were touched; on any other, as it is written.

    A host that only the rollback names (a balancer, say) has its reason, and the step could not touch it.
    """
    own = {target.key for target in plan.targets}
    if not undo.per_target or len(undo.targets) < 2 or any(one.key not in own for one in undo.targets):
        return replace(undo, per_target="")
    return replace(undo, text=f"{undo.text}, there where the step touched something")


def _undo_words(inverse: Plan) -> str:
    """An undo is approved together with its step, so the words are what it would run wherever that is short enough."""
    if inverse.per_target and len(inverse.targets) > 1:
        return inverse.text
    words = "; ".join(inverse.will_run)
    return words if 0 < len(words) <= UNDO_WORDS_LIMIT and "\n" not in words else inverse.text


def _own_scope(step: Step, values: JsonObject, params: Sequence[Param]) -> tuple[JsonObject, Sequence[Param]]:
    """What `params.*` means inside a step: an action sees only its own, filled from the step's `with`."""
    if step.action is None:
        return values, params
    given = render_tree(step.arguments, values)
    return {**values, "params": parse_params(step.params, given)}, step.params


def _natural(step: Step, plan: Plan) -> Undo:
    """The undo of a step that declares none: its type's own, or words that say there is none."""
    if plan.undo.kind != "none":
        return plan.undo
    if not plan.changes:
        return Undo(text=plan.undo.text or "nothing to undo: this step changes nothing")
    if step.irreversible:
        return Undo(text="the catalog says that it is irreversible")
    return Undo(text=plan.undo.text or "no undo is declared for this step")


def parse_input(action: Action, given: Mapping[str, Any], *, step_name: str) -> BaseModel:
    """A type's input from rendered values; `BadInput` names each field that does not fit, never its value."""
    try:
        return action.Input.model_validate(given)
    except ValidationError as problem:
        fields = "; ".join(
            f"{'.'.join(str(part) for part in error['loc']) or step_name}: {error['msg']}"
            for error in problem.errors(include_input=False, include_url=False)
        )
        raise BadInput(f"step {step_name} does not fit its type {action.type}: {fields}") from problem


def thread_of(incident_id: IncidentId) -> str:
    """How a plan names the incident's thread: it may not be open yet, and what is approved must not change with it."""
    return f"{INCIDENT_THREAD}{incident_id}"


def awaited(step: Step) -> tuple[str, ...]:
    """The paths of what an earlier step gives that this one uses (`steps.look.output`), in order, once each."""
    steps = (step,) if step.rollback is None or step.rollback.step is None else (step, step.rollback.step)
    texts = strings_in([part for one in steps for part in (one.input, one.arguments)])
    paths = (path for text in texts for path in references(text) if path.startswith("steps."))
    return tuple(dict.fromkeys(paths))


def run_values(run: Run) -> JsonObject:
    """What templates of this run may look up: incident, service, run, params, and outputs of earlier steps."""
    return {
        **{name: run.opened.values.get(name, {}) for name in ("incident", "service")},
        "run": {"id": run.id, "runbook": run.runbook.name, "environment": run.environment},
        "params": run.params,
        "steps": {
            state.step.name: _given_by(run, state)
            for state in run.steps.values()
            if state.proposal is not None and state.proposal.result is not None
        },
    }


def _given_by(run: Run, state: StepState) -> JsonObject:
    """In a dry run nothing was printed: what would be is told as that, and never taken for an empty output."""
    if run.opened.dry_run:
        later = f"({ONLY_LATER}: {state.step.name})"
        return {"output": later, "status": later}
    return {"output": _output(run, state.key), "status": state.status}


def _output(run: Run, key: StepKey) -> str | Unrenderable:
    proposal = run.steps[key].proposal
    assert proposal is not None
    assert proposal.result is not None
    result = proposal.result
    if result.output_redacted:
        return Unrenderable("something secret was removed from that output")
    if result.output_cut:
        return Unrenderable("only a part of that output was kept")
    return result.output.rstrip("\n")

"""Actions that plan for real and then only pretend; nothing in here can reach anything.

Plans of types that read nothing to plan (shell, http, slack, python) are the real ones, made by the real action with
tools that refuse whatever would reach out, so the cards show exactly the lines and requests that would be sent. A
kubernetes plan reads its cluster, so its place, target and line are the real ones, and the state is the fixture's
or said to be not known. Secrets are never looked up: a plan only names them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

from bot.actions.base import (
    Action,
    ActionInput,
    InputModel,
    Outcome,
    Plan,
    PlanScope,
    Progress,
    Seen,
    Target,
    Undo,
)
from bot.actions.kubernetes.input import KubernetesInput
from bot.actions.kubernetes.site import Site, locate
from bot.actions.registry import build
from bot.actions.tools import Tools
from bot.engine.simulation.fixture import KnownTarget, Value
from bot.engine.simulation.world import NOT_KNOWN, World
from bot.errors import ActionFailed

ASSUMED_UNDO = "assumed-undo"
"""The type of an undo that needs a number only the real state has."""


class Pretended:
    """One type of action: the real plan, and outcomes that are only said."""

    type: ClassVar[str] = ""
    Input: ClassVar[InputModel] = ActionInput

    def __init__(self, real: Action, world: World) -> None:
        self.type = real.type  # type: ignore[misc]  # one class stands for every type here
        self.Input = real.Input  # type: ignore[misc]  # and takes what that one takes
        self._real = real
        self._world = world

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        """As the real action plans it, which for these types asks nobody."""
        return await self._real.plan(given, scope)

    def things(self, plan: Plan) -> tuple[str, ...]:  # noqa: ARG002 - others observe something
        """What it acts on, as the fixture names it; nothing where state cannot be observed."""
        return ()

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:  # noqa: ARG002 - nothing to watch
        """Nothing is sent."""
        return self._world.acts(plan, self.things(plan))

    async def dry_run(self, plan: Plan) -> Outcome:
        """What a dry run would say where nothing is in its way."""
        return self._world.rehearses(plan)

    async def probe(self, plan: Plan) -> Seen:
        """The state as far as it is known."""
        seen = [self._world.state_of(thing) for thing in self.things(plan)]
        words = [
            f"{label}: {value}" for one in seen if one is not None for label, value in one.before.items()
        ]
        return Seen(text=", ".join(words) or f"what is there now is {NOT_KNOWN}", observable=bool(words))


class PretendedCluster(Pretended):
    """The kubernetes type without its cluster."""

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        """Place, target and line as they are; the state as far as it is known."""
        site = locate(given, scope.catalog)
        known = self._world.state_of(site.thing)
        now = known.before.get("replicas") if known is not None else None
        return Plan(
            type="kubernetes",
            input=site.given.model_dump(mode="json", exclude_none=True),
            targets=(site.target,),
            text=_text(site, now),
            will_run=(site.line(),),
            shown=_shown(known),
            undo=_undo(site, now, scope),
            risk=scope.risk or ("high" if site.given.replicas == 0 else "medium"),
            timeout_s=scope.timeout_s,
        )

    def things(self, plan: Plan) -> tuple[str, ...]:
        """The workload or the node."""
        return (locate(KubernetesInput.model_validate(plan.input), self._world.catalog).thing,)


class AssumedUndo(ActionInput):
    """An undo as far as it is known without the state it leads back to."""

    thing: str
    line: str
    target: Target


class PretendedUndo(Pretended):
    """Leads back to a state that nobody knows here."""

    type: ClassVar[str] = ASSUMED_UNDO
    Input: ClassVar[InputModel] = AssumedUndo

    def __init__(self, world: World) -> None:
        self._world = world

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        """What it was frozen as."""
        return Plan(
            type=self.type,
            input=given.model_dump(mode="json"),
            targets=(given.target,),
            text=f"put {given.thing} back",
            will_run=(given.line,),
            timeout_s=scope.timeout_s,
        )

    def things(self, plan: Plan) -> tuple[str, ...]:
        """What it puts back."""
        return (str(plan.input["thing"]),)


def pretended(world: World) -> Callable[[str], Action]:
    """The actions of a simulation by type; BadInput for a type there is not."""
    tools = Tools(
        catalog=lambda: world.catalog,
        ssh=_unreachable,
        http=_unreachable,
        post=_unspoken,
        secret=lambda _name: "",
        kubernetes=_unreachable,
    )
    made: dict[str, Action] = {ASSUMED_UNDO: PretendedUndo(world)}

    def action(name: str) -> Action:
        if name not in made:
            kind = PretendedCluster if name == "kubernetes" else Pretended
            made[name] = kind(build(name, tools), world)
        return made[name]

    return action


def _unreachable() -> NoReturn:
    raise ActionFailed("a simulation reaches nothing")


async def _unspoken(channel: str, thread_ts: str, text: str, key: str) -> str:  # noqa: ARG001 - the port's signature
    raise ActionFailed("a simulation posts nothing")


# ---------------------------------------------------------------- the words of a cluster


def _text(site: Site, now: Value | None) -> str:
    match site.given.action:
        case "scale" if now is not None:
            return f"scale {site.thing} from {now} to {site.given.replicas}"
        case "scale":
            return f"scale {site.thing} to {site.given.replicas}"
        case "rollout-undo" if site.given.to_revision:
            return f"roll {site.thing} back to revision {site.given.to_revision}"
        case "rollout-undo":
            return f"roll {site.thing} back to the revision before"
        case verb:
            return f"{verb} {site.thing}"


def _shown(known: KnownTarget | None) -> dict[str, str]:
    if known is None:
        return {"state": NOT_KNOWN}
    after = {**known.before, **known.after}
    return {
        label: f"{known.before.get(label, 'not known')} → {value}"
        if known.before.get(label) != value
        else f"{value}"
        for label, value in after.items()
    }


def _undo(site: Site, now: Value | None, scope: PlanScope) -> Undo:
    """As the verbs give it: back to what was there, where anything leads back."""
    match site.given.action:
        case "restart":
            return Undo(kind="manual", text="a restart cannot be taken back")
        case "scale" if isinstance(now, int) and now != site.given.replicas:
            return _inverse(site.of(replicas=now), f"scale {site.thing} back to {now}", scope)
        case "scale" if now == site.given.replicas:
            return Undo(text=f"nothing to undo: it is asked for {now} replicas already")
        case "scale":
            line = site.line().replace(f"--replicas={site.given.replicas}", "--replicas=<the count before>")
            return _assumed(site, line, f"scale {site.thing} back to the count before", scope)
        case "rollout-undo":
            line = site.of(to_revision=None).line() + " --to-revision=<the current one>"
            text = f"roll {site.thing} forward to the revision that is current now"
            return _assumed(site, line, text, scope)
        case "cordon":
            return _inverse(site.of(action="uncordon"), f"uncordon {site.thing}", scope)
        case "uncordon":
            return _inverse(site.of(action="cordon"), f"cordon {site.thing}", scope)
        case "drain":
            back = site.of(
                action="uncordon", force=None, delete_emptydir_data=None, grace_period_seconds=None
            )
            text = f"uncordon {site.thing}; evicted pods stay where they are"
            return _inverse(back, text, scope)


def _inverse(back: Site, text: str, scope: PlanScope) -> Undo:
    return Undo(
        kind="step",
        text=text,
        type="kubernetes",
        input=back.given.model_dump(mode="json", exclude_none=True),
        targets=(back.target,),
        will_run=(back.line(),),
        timeout_s=scope.timeout_s,
    )


def _assumed(site: Site, line: str, text: str, scope: PlanScope) -> Undo:
    given = AssumedUndo(thing=site.thing, line=line, target=site.target)
    return Undo(
        kind="step",
        text=text,
        type=ASSUMED_UNDO,
        input=given.model_dump(mode="json"),
        targets=(site.target,),
        will_run=(line,),
        timeout_s=scope.timeout_s,
    )

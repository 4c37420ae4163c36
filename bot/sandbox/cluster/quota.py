"""ResourceQuotas: what a namespace uses, and the refusal of a pod or object that would go over."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from bot.sandbox.cluster.kinds import KINDS, Json, Kind
from bot.sandbox.cluster.quantities import amount, shown
from bot.sandbox.cluster.refusals import forbidden
from bot.sandbox.cluster.world import World

_DONE = {"Succeeded", "Failed"}
_SAME = {"cpu": "requests.cpu", "memory": "requests.memory"}
_COMPUTED = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


def of_pod(pod: Json) -> dict[str, Decimal]:
    """What one pod takes, by the names a quota may use."""
    taken = dict.fromkeys(_COMPUTED, Decimal(0))
    for container in pod["spec"].get("containers") or ():
        resources = container.get("resources") or {}
        limits = resources.get("limits") or {}
        wanted = {**limits, **(resources.get("requests") or {})}
        for unit in ("cpu", "memory"):
            taken[f"requests.{unit}"] += amount(wanted.get(unit, 0))
            taken[f"limits.{unit}"] += amount(limits.get(unit, 0))
    taken |= {short: taken[long] for short, long in _SAME.items()}
    return taken | {"pods": Decimal(1), "count/pods": Decimal(1)}


def _taken(kind: Kind, body: Json) -> dict[str, Decimal]:
    if kind.plural == "pods":
        return of_pod(body) if body.get("status", {}).get("phase") not in _DONE else {}
    return {f"count/{kind.resource}": Decimal(1), kind.plural: Decimal(1)}


def _counted(names: Iterable[str]) -> set[str]:
    """The kinds whose objects have to be looked at for these entries of a quota."""
    plurals = set()
    for name in names:
        bare = name.removeprefix("count/").partition(".")[0]
        plurals.add(bare if bare in KINDS else "pods")
    return plurals


def used(world: World, namespace: str, names: Iterable[str]) -> dict[str, Decimal]:
    """How much of each entry the namespace takes now."""
    wanted = list(names)
    total = dict.fromkeys(wanted, Decimal(0))
    for plural in _counted(wanted):
        for body in world.all(plural, namespace):
            for name, value in _taken(KINDS[plural], body).items():
                if name in total:
                    total[name] += value
    return total


def status(world: World, quota: Json) -> Json:
    """`status` of a quota as it is now."""
    hard = quota["spec"].get("hard") or {}
    namespace = quota["metadata"]["namespace"]
    return {
        "hard": hard,
        "used": {name: shown(value) for name, value in used(world, namespace, hard).items()},
    }


def admit(world: World, kind: Kind, body: Json) -> None:
    """Raise Refusal (403), in the words of the server, when a quota leaves no room for this new object."""
    namespace = body["metadata"].get("namespace", "")
    quotas = world.all("resourcequotas", namespace) if namespace else []
    if not quotas:
        return
    taken = _taken(kind, body)
    for quota in sorted(quotas, key=lambda one: str(one["metadata"]["name"])):
        hard = quota["spec"].get("hard") or {}
        asked = {name: value for name, value in taken.items() if name in hard}
        name, label = body["metadata"]["name"], quota["metadata"]["name"]
        missing = sorted(unit for unit in asked if unit in (*_COMPUTED, *_SAME) and not asked[unit])
        if missing:
            raise forbidden(kind, name, f"failed quota: {label}: must specify {','.join(missing)}")
        so_far = used(world, namespace, asked)
        over = sorted(unit for unit in asked if so_far[unit] + asked[unit] > amount(hard[unit]))
        if over:
            parts = (
                ("requested", ",".join(f"{unit}={shown(asked[unit])}" for unit in over)),
                ("used", ",".join(f"{unit}={shown(so_far[unit])}" for unit in over)),
                ("limited", ",".join(f"{unit}={hard[unit]}" for unit in over)),
            )
            said = ", ".join(f"{word}: {values}" for word, values in parts)
            raise forbidden(kind, name, f"exceeded quota: {label}, {said}")

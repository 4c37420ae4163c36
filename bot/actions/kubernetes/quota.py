"""How many more pods of a template fit under a namespace's quotas. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal, InvalidOperation

from bot.runs.plan import JsonObject

_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def amount(text: object) -> Decimal:
    """A quantity (`100m`, `1.5Gi`, `2e3`) as a number; ValueError for what is none."""
    words = str(text).strip()
    try:
        if words[-2:] in _BINARY:
            return Decimal(words[:-2]) * Decimal(1024) ** _BINARY[words[-2:]]
        if words[-1:] in _DECIMAL:
            return Decimal(words[:-1]) * Decimal(1000) ** _DECIMAL[words[-1:]]
        return Decimal(words)
    except InvalidOperation as error:
        raise ValueError(f"{words!r} is no quantity") from error


def room_for(template: JsonObject, quotas: Sequence[JsonObject]) -> int | None:
    """How many more pods fit, by the tightest quota; None where no quota limits them.

    Quotas for only some pods (scopes) are left out: which pods they count is the server's to say.
    """
    needs = _needs(template)
    rooms = []
    for quota in quotas:
        spec, status = quota.get("spec") or {}, quota.get("status") or {}
        if spec.get("scopes") or spec.get("scopeSelector"):
            continue
        used = status.get("used") or {}
        for name, hard in (status.get("hard") or spec.get("hard") or {}).items():
            need = needs.get(name, Decimal(0))
            if need > 0:
                free = amount(hard) - amount(used.get(name, "0"))
                rooms.append(max(0, int((free / need).to_integral_value(ROUND_FLOOR))))
    return min(rooms) if rooms else None


def _needs(template: JsonObject) -> dict[str, Decimal]:
    """What one pod takes of each thing a quota can count."""
    spec = template.get("spec") or {}
    needs: dict[str, Decimal] = {"pods": Decimal(1), "count/pods": Decimal(1)}
    for resource in ("cpu", "memory", "ephemeral-storage"):
        for kind in ("requests", "limits"):
            running = sum((_asked(one, kind, resource) for one in spec.get("containers") or ()), Decimal(0))
            starting = [_asked(one, kind, resource) for one in spec.get("initContainers") or ()]
            needs[f"{kind}.{resource}"] = max([running, *starting])
        needs[resource] = needs[f"requests.{resource}"]
    return needs


def _asked(container: JsonObject, kind: str, resource: str) -> Decimal:
    """A container that has only a limit requests as much."""
    resources = container.get("resources") or {}
    kinds = ("requests", "limits") if kind == "requests" else ("limits",)
    for one in kinds:
        if resource in (resources.get(one) or {}):
            return amount(resources[one][resource])
    return Decimal(0)

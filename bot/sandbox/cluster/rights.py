"""Who may do what: everything, unless a test takes a right away or gives only the rules of one role."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.paths import Call
from bot.sandbox.cluster.refusals import forbidden

USER = "system:serviceaccount:ops:runbook-bot"


def _has(wanted: str, given: Iterable[str]) -> bool:
    return wanted in given or "*" in given


def _allows(rule: Json, *, verb: str, group: str, resource: str, name: str) -> bool:
    """A rule of a Role, as the server reads it; `pods/*` is every subresource of pods."""
    names = rule.get("resourceNames") or ()
    plural, _, sub = resource.partition("/")
    resources = rule.get("resources") or ()
    is_covered = _has(resource, resources) or (bool(sub) and f"{plural}/*" in resources)
    return (
        is_covered
        and _has(verb, rule.get("verbs") or ())
        and _has(group, rule.get("apiGroups") or ())
        and (not names or name in names)
    )


class Rights:
    """Of the one user there is."""

    def __init__(self) -> None:
        self._rules: list[Json] | None = None
        self._taken: list[tuple[str, str, str]] = []

    def allow_only(self, rules: Sequence[Json]) -> None:
        """These rules and no more: `apiGroups`, `resources`, `verbs`, as in a ClusterRole."""
        self._rules = list(rules)

    def forbid(self, verb: str = "*", resource: str = "*", *, namespace: str = "*") -> None:
        """Take this away, whatever the rules say. A subresource is named `deployments/scale`."""
        self._taken.append((verb, resource, namespace))

    def restore(self) -> None:
        """Everything is allowed again."""
        self._rules, self._taken = None, []

    def may(self, verb: str, *, group: str, resource: str, namespace: str, name: str = "") -> bool:
        """It is allowed."""
        asked = (verb, resource, namespace)
        for taken in self._taken:
            if all(mine in ("*", theirs) for mine, theirs in zip(taken, asked, strict=True)):
                return False
        return self._rules is None or any(
            _allows(rule, verb=verb, group=group, resource=resource, name=name) for rule in self._rules
        )

    def check(self, call: Call) -> None:
        """Raise Refusal (403), in the words of the server."""
        kind = call.kind
        if self.may(
            call.verb, group=kind.group, resource=call.resource, namespace=call.namespace, name=call.name
        ):
            return
        where = f'in the namespace "{call.namespace}"' if call.namespace else "at the cluster scope"
        raise forbidden(
            kind,
            call.name,
            f'User "{USER}" cannot {call.verb} resource "{call.resource}" '
            f'in API group "{kind.group}" {where}',
        )

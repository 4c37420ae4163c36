"""The pods on a node, sorted by what a drain does with each. Pure.

    leaves    something recreates it elsewhere: evicted
    stays     DaemonSet and mirror pods: the node itself brings them back
    bare      nothing recreates it: gone for good, so the step must consent (`force`)
    data      keeps data in an emptyDir volume: lost, so the step must consent (`delete_emptydir_data`)

A pod that ran to its end has nothing to lose; one that is on its way out is only waited for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.actions.kubernetes import objects
from bot.actions.kubernetes.input import KubernetesInput
from bot.runs.plan import JsonObject


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What goes for good with one pod: the pod itself, the data of it or its owner; "" where nothing does."""

    bare: str = ""
    data: str = ""


@dataclass(frozen=True, kw_only=True)
class Residents:
    """All pods of one node."""

    leaves: tuple[JsonObject, ...]
    stays: tuple[JsonObject, ...]
    bare: tuple[str, ...]
    """Pods among `leaves` that nothing recreates, by place."""
    data: tuple[str, ...]
    """What owns pods among `leaves` that keep data in emptyDir, by place: steadier than the pods' own names."""

    def unconsented(self, given: KubernetesInput) -> list[str]:
        """Why this step may not drain the node, one sentence each; [] where it may."""
        reasons = []
        if self.bare and not given.force:
            reasons.append(f"nothing would recreate {_some(self.bare)} (force: true consents)")
        if self.data and not given.delete_emptydir_data:
            reasons.append(
                f"emptyDir data of {_some(self.data)} would be lost (delete_emptydir_data: true consents)"
            )
        return reasons

    @property
    def guarded(self) -> JsonObject:
        """What is lost for good: what an approval of a drain consents to."""
        return {"lost for good": list(self.bare), "emptyDir data lost": list(self.data)}


def sort_out(pods: Iterable[JsonObject]) -> Residents:
    """Sort a node's pods."""
    found = sorted(pods, key=objects.place)
    leaves = tuple(pod for pod in found if not _stays(pod))
    losses = [loss_of(pod) for pod in leaves]
    return Residents(
        leaves=leaves,
        stays=tuple(pod for pod in found if _stays(pod)),
        bare=tuple(sorted({loss.bare for loss in losses if loss.bare})),
        data=tuple(sorted({loss.data for loss in losses if loss.data})),
    )


def loss_of(pod: JsonObject) -> Loss:
    """What evicting this pod loses for good."""
    if objects.is_finished(pod) or objects.is_ending(pod):
        return Loss()
    owner = objects.controller(pod)
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    by = f"{objects.meta(pod).get('namespace')}/{owner['name']}" if owner else objects.place(pod)
    return Loss(
        bare="" if owner else objects.place(pod),
        data=by if any("emptyDir" in volume for volume in volumes) else "",
    )


def _stays(pod: JsonObject) -> bool:
    is_mirror = objects.MIRROR in (objects.meta(pod).get("annotations") or {})
    return is_mirror or (objects.controller(pod).get("kind") == "DaemonSet" and not objects.is_finished(pod))


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more

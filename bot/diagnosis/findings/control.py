"""What the controllers say: rollouts, jobs, autoscalers, budgets, nodes, and a workload that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.findings.base import Finding, kubectl, quote
from bot.diagnosis.findings.pods import counted, hosts
from bot.diagnosis.findings.scheduling import waits_for_a_node

_PRESSURES: Mapping[str, str] = MappingProxyType(
    {
        "MemoryPressure": "is short of memory",
        "DiskPressure": "is short of disk",
        "PIDPressure": "is short of process ids",
        "NetworkUnavailable": "has no network yet",
    }
)
_SICK = re.compile(
    r"node\.kubernetes\.io/(not-ready|unreachable|\w+-pressure|network-unavailable)|were not ready"
)
_EVICTION = re.compile(r"disruption budget|\bpdb\b|prevents pod evictions", re.IGNORECASE)


def absent(evidence: Evidence) -> Iterator[Finding]:
    """The workload is not there at all."""
    if evidence.workload is None and evidence.subject.kind in evidence.read:
        yield Finding(
            kind="not-there",
            title=f"there is no {evidence.subject.words}",
            confidence="certain",
            reason="the cluster was asked for it and has none of that name",
            look_at=kubectl(evidence, f"get {evidence.subject.kind.lower()}s"),
            about=evidence.subject.name,
        )


def rollouts(evidence: Evidence) -> Iterator[Finding]:
    """A deployment whose new pods do not come up in time."""
    workload = evidence.workload
    said = workload.condition("Progressing") if workload else {}
    if workload and said.get("reason") == "ProgressDeadlineExceeded":
        yield Finding(
            kind="rollout-stuck",
            title=f"the rollout of {evidence.subject.name} is past its deadline",
            confidence="certain",
            reason="new pods did not get ready in time; the old ones are kept",
            quotes=(quote(workload, said.get("message") or "ProgressDeadlineExceeded"),),
            look_at=kubectl(evidence, f"rollout status deployment/{evidence.subject.name}"),
            about=evidence.subject.name,
        )


def paused(evidence: Evidence) -> Iterator[Finding]:
    """A deployment that somebody told to wait in the middle of a rollout."""
    workload = evidence.workload
    if workload is None or workload.kind != "Deployment" or not workload.spec.get("paused"):
        return
    status = workload.status
    if int(status.get("updatedReplicas") or 0) < counted(workload)[1]:
        yield Finding(
            kind="rollout-paused",
            title=f"the rollout of {evidence.subject.name} is paused halfway",
            confidence="certain",
            reason=f"{status.get('updatedReplicas') or 0} pods are of the new revision, and no more are made",
            quotes=(quote(workload, workload.condition("Progressing").get("reason") or "True"),),
            look_at=kubectl(evidence, f"rollout status deployment/{evidence.subject.name}"),
            about=evidence.subject.name,
        )


def finite(evidence: Evidence) -> Iterator[Finding]:
    """Kubernetes Jobs that gave up."""
    for one in evidence.of("Job"):
        failed = one.condition("Failed")
        if failed.get("status") != "True":
            continue
        is_late = failed.get("reason") == "DeadlineExceeded"
        yield Finding(
            kind="job-deadline" if is_late else "job-failed",
            title=f"job {one.name} "
            + ("ran longer than it may" if is_late else "failed and is not tried again"),
            confidence="certain",
            reason=f"its condition Failed has the reason {failed.get('reason')}",
            quotes=(quote(one, failed.get("message") or failed.get("reason")),),
            look_at=kubectl(evidence, f"logs job/{one.name}"),
            about=one.name,
        )


def autoscalers(evidence: Evidence) -> Iterator[Finding]:
    """Autoscalers that have no metrics or nothing to scale."""
    for scaler in evidence.of("HorizontalPodAutoscaler"):
        if not _scales(evidence, scaler):
            continue
        able, active = scaler.condition("AbleToScale"), scaler.condition("ScalingActive")
        if able.get("status") == "False" and able.get("reason") == "FailedGetScale":
            kind, said = "hpa-without-target", able
            title = f"autoscaler {scaler.name} finds nothing to scale"
        elif active.get("status") == "False" and active.get("reason") != "ScalingDisabled":
            kind, said = "hpa-without-metrics", active
            title = f"autoscaler {scaler.name} gets no metrics, so it does not scale"
        else:
            continue
        yield Finding(
            kind=kind,
            title=title,
            confidence="certain",
            reason=f"its condition has the reason {said.get('reason')}",
            quotes=(quote(scaler, said.get("message") or said.get("reason")),),
            look_at=kubectl(evidence, f"describe hpa {scaler.name}"),
            about=scaler.name,
        )


def _scales(evidence: Evidence, scaler: Item) -> bool:
    """It is for this workload, or is called like it and aims at something else."""
    target = scaler.spec.get("scaleTargetRef") or {}
    named = (target.get("kind"), target.get("name"))
    own = (evidence.subject.kind, evidence.subject.name)
    return named == own or scaler.name in (own[1], f"{own[1]}-hpa")


def budgets(evidence: Evidence) -> Iterator[Finding]:
    """Disruption budgets that let no pod go, while a node waits to be emptied."""
    closed = [
        one for one in evidence.of("Node") if one.spec.get("unschedulable") and one.name in hosts(evidence)
    ]
    for budget in evidence.of("PodDisruptionBudget"):
        selector = (budget.spec.get("selector") or {}).get("matchLabels") or {}
        is_own = bool(selector) and all(evidence.labels.get(key) == value for key, value in selector.items())
        if (
            not is_own
            or budget.status.get("disruptionsAllowed") != 0
            or not budget.status.get("expectedPods")
        ):
            continue
        said = [event for event in evidence.of("Event") if _is_held_up(evidence, event, budget)]
        if said:
            quotes = (quote(said[-1], said[-1].body.get("message")), quote(budget, "0"))
            where, why = "leave its node", "an eviction was refused, and the cluster says so"
        elif closed:
            quotes = (quote(closed[0], closed[0].name), quote(budget, "0"))
            where = f"leave node {closed[0].name}"
            why = "the node is closed and no eviction is allowed, so a drain waits"
        else:
            continue
        yield Finding(
            kind="budget-blocks",
            title=f"disruption budget {budget.name} lets no pod {where}",
            confidence="certain" if said else "likely",
            reason=why,
            quotes=quotes,
            look_at=kubectl(evidence, f"describe pdb {budget.name}"),
            about=budget.name,
        )


def _is_held_up(evidence: Evidence, event: Item, budget: Item) -> bool:
    """It says that something could not be evicted, of a pod of the workload or of the budget itself."""
    about = event.body.get("involvedObject") or {}
    is_ours = about.get("name") in {budget.name, *(pod.name for pod in evidence.of("Pod"))}
    return is_ours and _EVICTION.search(str(event.body.get("message", ""))) is not None


def nodes(evidence: Evidence) -> Iterator[Finding]:
    """Nodes that are away or short of something: those of its pods, and those the scheduler passes over for that."""
    own = hosts(evidence)
    passed_over = any(
        waits_for_a_node(pod) and _SICK.search(str(pod.condition("PodScheduled").get("message", "")))
        for pod in evidence.of("Pod")
    )
    for node in evidence.of("Node"):
        if node.name not in own and not passed_over:
            continue
        is_own = node.name in own
        ready = node.condition("Ready")
        if ready and ready.get("status") != "True":
            said = str(ready.get("message") or ready.get("reason") or ready.get("status"))
            yield _of_node(node, "node-not-ready", f"node {node.name} is not ready", said, is_own=is_own)
            continue
        for kind, words in _PRESSURES.items():
            said_so = node.condition(kind)
            if said_so.get("status") == "True":
                said = str(said_so.get("message") or kind)
                yield _of_node(node, "node-pressure", f"node {node.name} {words}", said, is_own=is_own)


def _of_node(node: Item, kind: str, title: str, said: str, *, is_own: bool) -> Finding:
    return Finding(
        kind=kind,
        title=title,
        confidence="certain" if is_own else "likely",
        reason="pods of this workload run there, and the node says so itself"
        if is_own
        else "the scheduler passes over nodes that are so, and a pod finds none",
        quotes=(quote(node, said),),
        look_at=f"kubectl describe node {node.name}",
        about=node.name,
    )

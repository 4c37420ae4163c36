"""What the controllers say: rollouts, jobs, autoscalers, budgets, nodes, and a workload that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.findings.base import Finding, kubectl, quote

_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")


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


def budgets(evidence: Evidence) -> Iterator[Finding]:
    """Disruption budgets that let no pod go, while a node waits to be emptied."""
    closed = [node for node in evidence.of("Node") if node.spec.get("unschedulable")]
    for budget in evidence.of("PodDisruptionBudget"):
        selector = (budget.spec.get("selector") or {}).get("matchLabels") or {}
        is_own = bool(selector) and all(evidence.labels.get(key) == value for key, value in selector.items())
        allowed, pods = budget.status.get("disruptionsAllowed"), int(budget.status.get("expectedPods") or 0)
        if closed and is_own and allowed == 0 and pods:
            yield Finding(
                kind="budget-blocks",
                title=f"disruption budget {budget.name} lets no pod leave node {closed[0].name}",
                confidence="likely",
                reason="the node is closed and no eviction is allowed, so a drain waits",
                quotes=(quote(closed[0], closed[0].name), quote(budget, "0")),
                look_at=kubectl(evidence, f"describe pdb {budget.name}"),
                about=budget.name,
            )


def nodes(evidence: Evidence) -> Iterator[Finding]:
    """Nodes of its pods that are away or short of something."""
    for node in evidence.of("Node"):
        ready = node.condition("Ready")
        if ready and ready.get("status") != "True":
            yield _of_node(
                node, "node-not-ready", f"node {node.name} is not ready", str(ready.get("message", ""))
            )
            continue
        for kind in _PRESSURES:
            said = node.condition(kind)
            if said.get("status") == "True":
                words = kind.removesuffix("Pressure").replace("PID", "process ids").lower()
                title = f"node {node.name} is short of {words}"
                yield _of_node(node, "node-pressure", title, str(said.get("message") or kind))


def _of_node(node: Item, kind: str, title: str, said: str) -> Finding:
    return Finding(
        kind=kind,
        title=title,
        confidence="certain",
        reason="pods of this workload run there, and the node says so itself",
        quotes=(quote(node, said),),
        look_at=f"kubectl describe node {node.name}",
        about=node.name,
    )

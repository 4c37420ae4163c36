"""Pods that never come to be or find no node: scheduling, quota, admission, accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.findings.base import Finding, kubectl, quote
from bot.diagnosis.findings.pods import counted, has_left, is_over

_PART = re.compile(r"(\d+) ((?:node\(s\) )?(?:[^,.{]|\{[^}]*\}|\.(?! |$))+?)(?=, \d+ |\. |\.?$)")
_KINDS = (
    (
        "unschedulable-resources",
        re.compile(r"Insufficient|Too many pods|free ports"),
        "no node has enough room left",
    ),
    (
        "unschedulable-volume",
        re.compile(r"volume node affinity|volume zone|max volume count|bind persistent volume"),
        "the nodes that would take it cannot have its volume",
    ),
    (
        "unschedulable-taint",
        re.compile(r"untolerated taint|had taint|were unschedulable|were not ready"),
        "the nodes are closed to it: taints or cordons",
    ),
    (
        "unschedulable-affinity",
        re.compile(r"pod(s)? (anti-)?affinity|topology spread"),
        "its rules about other pods leave no node",
    ),
    (
        "unschedulable-selector",
        re.compile(r"node affinity|node selector|selector"),
        "no node has the labels it wants",
    ),
)
_ALWAYS = re.compile(r"taint \{(node-role\.kubernetes\.io/(control-plane|master)|CriticalAddonsOnly)\b")
"""Nodes that take no such pod on any day: they explain nothing where others could have taken it."""
_QUOTA = re.compile(r"exceeded quota: [^\s,]+")
_ACCOUNT = re.compile(r'serviceaccount "([^"]+)" not found')
_NO_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found')


def waits_for_a_node(pod: Item) -> bool:
    """Whether the scheduler has found none for it."""
    said = pod.condition("PodScheduled")
    return not is_over(pod) and said.get("status") == "False"


def unscheduled(evidence: Evidence) -> Iterator[Finding]:
    """Pods for which the scheduler finds no node, by what keeps most nodes away."""
    for pod in evidence.of("Pod"):
        if not waits_for_a_node(pod):
            continue
        text = str(pod.condition("PodScheduled").get("message", ""))
        claim = _NO_CLAIM.search(text)
        if claim:
            yield Finding(
                kind="pvc-pending",
                title=f"there is no volume claim {claim[1]}",
                confidence="certain",
                reason=f"pod {pod.name} mounts it and cannot be scheduled without",
                quotes=(quote(pod, text),),
                look_at=kubectl(evidence, "get pvc"),
                about=claim[1],
            )
            continue
        if "unbound immediate PersistentVolumeClaims" in text and any(evidence.of("PersistentVolumeClaim")):
            continue  # the claim itself is the finding
        if not text:
            continue  # a scheduling gate, or a scheduler that has not looked yet
        yield _unschedulable(evidence, pod, text)


def _unschedulable(evidence: Evidence, pod: Item, text: str) -> Finding:
    reasons = text.partition("preemption:")[0]
    counts: dict[int, int] = {}
    found = _PART.findall(reasons.partition("available:")[2] or reasons)
    for number, why in [one for one in found if not _ALWAYS.search(one[1])] or found:
        for place, (_, pattern, _) in enumerate(_KINDS):
            if pattern.search(why):
                counts[place] = counts.get(place, 0) + int(number)
                break
    place = max(counts, key=lambda one: (counts[one], -one), default=0)
    kind, _, words = _KINDS[place]
    return Finding(
        kind=kind,
        title=f"pod {pod.name} finds no node: {words}",
        confidence="certain" if len(counts) == 1 else "likely",
        reason="the scheduler says so" if len(counts) == 1 else "that keeps most of the nodes away",
        quotes=(quote(pod, text),),
        look_at=kubectl(evidence, f"describe pod {pod.name}"),
        about=evidence.subject.name,
    )


def refused(evidence: Evidence) -> Iterator[Finding]:
    """Pods that were never made: quota, a service account that is not there, admission."""
    for item, text in _refusals(evidence):
        quota, account = _QUOTA.search(text), _ACCOUNT.search(text)
        if quota:
            kind, title = "quota-exceeded", f"the namespace's quota refuses new pods ({quota[0]})"
            look = "describe resourcequota"
        elif account:
            kind, title = "missing-service-account", f"there is no service account {account[1]}"
            look = "get serviceaccounts"
        else:
            kind, title = "admission-refused", "the cluster refuses to make its pods"
            look = "get events --field-selector reason=FailedCreate"
        yield Finding(
            kind=kind,
            title=title,
            confidence="certain",
            reason="the controller tried to make a pod and was refused",
            quotes=(quote(item, text),),
            look_at=kubectl(evidence, look),
            about=account[1] if account else evidence.subject.name,
        )


def _refusals(evidence: Evidence) -> Iterator[tuple[Item, str]]:
    """What the controllers were told, where pods are still missing."""
    workload = evidence.workload
    if workload is None:
        return
    failure = workload.condition("ReplicaFailure")
    if failure.get("status") == "True":
        yield workload, str(failure.get("message", ""))
        return
    _, wanted = counted(workload)
    made = sum(not has_left(pod) for pod in evidence.of("Pod"))
    if workload.kind == "Deployment" or (made >= wanted and made):
        return
    failed = [
        event
        for event in evidence.events_of(workload.kind, workload.name)
        if event.body.get("reason") == "FailedCreate"
    ]
    for event in failed[-1:]:
        yield event, str(event.body.get("message", ""))

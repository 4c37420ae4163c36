"""Pods that never come to be or find no node: scheduling, quota, admission, accounts, volumes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.findings.base import Finding, kubectl, quote
from bot.diagnosis.findings.pods import is_over

_PART = re.compile(r"(\d+) ((?:node\(s\) )?[^,.]+?)(?=, \d+ |\.|$)")
_KINDS = (
    ("unschedulable-resources", re.compile(r"Insufficient|Too many pods"), "no node has enough room left"),
    (
        "unschedulable-taint",
        re.compile(r"untolerated taint|were unschedulable"),
        "the nodes are closed to it: taints or cordons",
    ),
    (
        "unschedulable-affinity",
        re.compile(r"pod (anti-)?affinity|topology spread"),
        "its rules about other pods leave no node",
    ),
    (
        "unschedulable-selector",
        re.compile(r"node affinity|node selector|selector"),
        "no node has the labels it wants",
    ),
)
_QUOTA = re.compile(r"exceeded quota: [^\s,]+")
_ACCOUNT = re.compile(r'serviceaccount "([^"]+)" not found')
_NO_CLASS = re.compile(r'storageclass\S* "([^"]+)" not found')
_NO_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found')


def unscheduled(evidence: Evidence) -> Iterator[Finding]:
    """Pods for which the scheduler finds no node, by what keeps most nodes away."""
    for pod in evidence.of("Pod"):
        said = pod.condition("PodScheduled")
        text = str(said.get("message", ""))
        if is_over(pod) or said.get("status") != "False":
            continue
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
        yield _unschedulable(evidence, pod, text)


def _unschedulable(evidence: Evidence, pod: Item, text: str) -> Finding:
    reasons = text.partition("preemption:")[0]
    counts: dict[int, int] = {}
    for number, why in _PART.findall(reasons.partition("available:")[2] or reasons):
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
        about=pod.name,
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
            about=evidence.subject.name,
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
    wanted = int(workload.spec.get("replicas", 1))
    if workload.kind == "Deployment" or int(workload.status.get("replicas") or 0) >= wanted:
        return
    failed = [event for event in evidence.of("Event") if event.body.get("reason") == "FailedCreate"]
    for event in failed[-1:]:
        yield event, str(event.body.get("message", ""))


def claims(evidence: Evidence) -> Iterator[Finding]:
    """Volume claims that are not bound, and the classes they name."""
    used = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in evidence.of("Pod")
        for volume in pod.spec.get("volumes") or ()
        if "persistentVolumeClaim" in volume
    }
    for claim in evidence.of("PersistentVolumeClaim"):
        if claim.status.get("phase") != "Pending" or claim.name not in used:
            continue
        said = list(evidence.events_of("PersistentVolumeClaim", claim.name))
        failed = [event for event in said if event.body.get("reason") == "ProvisioningFailed"]
        wanted = str(claim.spec.get("storageClassName") or "")
        known = {one.name for one in evidence.of("StorageClass")}
        text = str(failed[-1].body.get("message", "")) if failed else ""
        no_class = _NO_CLASS.search(text)
        if no_class or (wanted and "StorageClass" in evidence.read and wanted not in known):
            yield Finding(
                kind="storage-class-missing",
                title=f"there is no storage class {no_class[1] if no_class else wanted}",
                confidence="certain",
                reason=f"volume claim {claim.name} asks for it and stays pending",
                quotes=(quote(failed[-1], text) if no_class else quote(claim, wanted),),
                look_at="kubectl get storageclasses",
                about=claim.name,
            )
        elif failed or not any(event.body.get("reason") == "WaitForFirstConsumer" for event in said):
            yield Finding(
                kind="pvc-pending",
                title=f"volume claim {claim.name} is not bound",
                confidence="certain" if failed else "likely",
                reason="its volume could not be made" if failed else "no volume was made for it",
                quotes=(quote(failed[-1], text) if failed else quote(claim, "Pending"),),
                look_at=kubectl(evidence, f"describe pvc {claim.name}"),
                about=claim.name,
            )

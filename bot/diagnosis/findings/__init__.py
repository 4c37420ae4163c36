"""Names what is wrong from the evidence alone, most likely first: no model, no I/O, milliseconds.

An analyzer is a function from evidence to findings; each knows one kind of words (the kubelet's, the scheduler's, a
log's). What ties them together is here: one finding per class and part however many pods show it, and which class
is only what another looks like from further away: a service without endpoints while its pods crash, a crash loop
while the log says why. Those are kept, after what explains them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from bot.diagnosis.evidence import Evidence
from bot.diagnosis.findings import containers, control, logs, needed, probes, routes, scheduling, volumes
from bot.diagnosis.findings.base import Analyzer, Finding, Quote
from bot.diagnosis.findings.pods import counted, has_left, is_ready

__all__ = ["ANALYZERS", "DEPTH", "HEALTHY", "Finding", "Quote", "analyze"]

ANALYZERS: tuple[Analyzer, ...] = (
    control.absent,
    control.nodes,
    containers.images,
    needed.configuration,
    needed.named,
    containers.starts,
    containers.endings,
    probes.probes,
    probes.gates,
    probes.evictions,
    scheduling.unscheduled,
    scheduling.refused,
    volumes.claims,
    volumes.mounts,
    logs.causes,
    routes.services,
    routes.ingresses,
    control.finite,
    control.autoscalers,
    control.budgets,
    control.rollouts,
    control.paused,
)

HEALTHY = "healthy"

DEPTH: Mapping[str, int] = MappingProxyType(
    {
        # What everything else follows from.
        **dict.fromkeys(("not-there", "node-not-ready"), 0),
        # What keeps a pod from being made, placed or started, and what ends it from outside.
        **dict.fromkeys(
            (
                *("quota-exceeded", "missing-service-account", "admission-refused"),
                *("unschedulable-resources", "unschedulable-selector", "unschedulable-taint"),
                *("unschedulable-affinity", "unschedulable-volume", "storage-class-missing", "pvc-pending"),
                *("image-bad-name", "image-absent", "image-unauthorised", "image-timeout"),
                *("image-rate-limited", "volume-not-mounted"),
                *("missing-configmap", "missing-secret", "missing-key", "container-cannot-start"),
                "oom-killed",
            ),
            1,
        ),
        "evicted": 2,
        # What its own log gives as the cause.
        **dict.fromkeys(
            (
                *("certificate-expired", "certificate-unknown-authority", "dns-failure"),
                *("connection-refused", "connection-timeout", "login-refused", "disk-full"),
            ),
            3,
        ),
        "traceback": 4,
        "liveness-kills": 5,
        "init-container-failing": 6,
        "node-pressure": 6,
        "crash-loop": 7,
        **dict.fromkeys(("selector-matches-nothing", "ingress-without-backend", "ingress-class-missing"), 8),
        **dict.fromkeys(("hpa-without-target", "hpa-without-metrics", "budget-blocks"), 9),
        "readiness-never-true": 10,
        **dict.fromkeys(("job-deadline", "job-failed"), 11),
        **dict.fromkeys(("rollout-stuck", "rollout-paused"), 12),
        "service-without-endpoints": 13,
        HEALTHY: 14,
    }
)
"""Every class there is, and how near to the cause it stands: of two that both are there, the lower one comes first."""

_SURE = {"certain": 0, "likely": 1, "possible": 2}


def analyze(evidence: Evidence) -> tuple[Finding, ...]:
    """The findings, most likely cause first; that it is healthy where nothing is wrong; () where nothing was read."""
    merged: dict[tuple[str, str], Finding] = {}
    for analyzer in ANALYZERS:
        for found in analyzer(evidence):
            key = (found.kind, found.about)
            known = merged.get(key)
            if known is None:
                merged[key] = found
                continue
            surer = found if _SURE[found.confidence] < _SURE[known.confidence] else known
            merged[key] = replace(surer, count=known.count + 1)
    if not merged:
        return _healthy(evidence)
    ordered = sorted(merged.values(), key=_rank)
    return tuple(ordered)


def _rank(finding: Finding) -> tuple[bool, int, int]:
    return (finding.confidence == "possible", DEPTH[finding.kind], _SURE[finding.confidence])


def _healthy(evidence: Evidence) -> tuple[Finding, ...]:
    """Only what was seen is called healthy: the controller counts enough ready pods, and all that were read are."""
    workload = evidence.workload
    if workload is None or "Pod" not in evidence.read:
        return ()
    ready, wanted = counted(workload)
    are_ready = all(is_ready(pod) for pod in evidence.of("Pod") if not has_left(pod))
    if ready < wanted or not (are_ready or workload.kind == "Job"):
        return ()
    words = f"{ready} of {wanted} pods are ready" if wanted else "it asks for no pod now"
    return (
        Finding(
            kind=HEALTHY,
            title=f"{evidence.subject.words} is healthy as far as can be read",
            confidence="likely" if evidence.gaps else "certain",
            reason=f"{words}, and no sign of trouble was found",
            about=evidence.subject.name,
        ),
    )

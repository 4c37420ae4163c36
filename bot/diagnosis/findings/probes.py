"""Pods that run and do not serve, and those that are ended from outside: probes, readiness gates, evictions."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.evidence import Evidence, Item, moment
from bot.diagnosis.findings.base import Finding, kubectl, quote
from bot.diagnosis.findings.pods import (
    RECENTLY,
    containers,
    containers_of,
    counted,
    is_about,
    is_over,
    unready_words,
)

_THROWN_OUT = ("Evicted", "Preempting", "Terminated", "NodeShutdown", "Shutdown")


def probes(evidence: Evidence) -> Iterator[Finding]:
    """Containers that run and are ended by their liveness probe, or are never asked to serve."""
    for one in containers(evidence):
        if one.is_init or not one.is_suspicious:
            continue
        said = [
            (event, str(event.body.get("message", "")))
            for event in evidence.events_of("Pod", one.pod.name)
            if event.body.get("reason") in ("Unhealthy", "Killing") and is_about(event, one.name)
        ]
        live = [(event, text) for event, text in said if text.startswith("Liveness probe failed")]
        begun = [(event, text) for event, text in said if text.startswith("Startup probe failed")]
        ready = [(event, text) for event, text in said if text.startswith("Readiness probe failed")]
        if (live or begun) and one.restarts:
            event, text = (live or begun)[-1]
            early = "refused" in text
            yield Finding(
                kind="liveness-kills",
                title=f"{one.where} is restarted by its {'liveness' if live else 'startup'} probe"
                + (" before its port is open" if early else ""),
                confidence="certain" if early or one.ended.get("exitCode") in (137, 143) else "likely",
                reason=f"the probe failed and the container was restarted {one.restarts} times",
                quotes=(quote(event, text),),
                look_at=kubectl(evidence, f"describe pod {one.pod.name}"),
                about=one.name,
            )
        elif one.is_running and not one.status.get("ready") and (ready or not one.restarts):
            yield Finding(
                kind="readiness-never-true",
                title=f"{one.where} runs and does not get ready",
                confidence="certain" if ready else "possible",
                reason="its readiness probe fails, so it gets no traffic" if ready else "nothing says why",
                quotes=(quote(*ready[-1]),)
                if ready
                else (quote(one.pod, unready_words(one.pod) or one.name),),
                look_at=kubectl(evidence, f"logs {one.pod.name} -c {one.name}"),
                about=one.name,
            )


def gates(evidence: Evidence) -> Iterator[Finding]:
    """Pods whose containers are all ready while something outside has not opened them to traffic."""
    for pod in evidence.of("Pod"):
        said = pod.condition("Ready")
        if is_over(pod) or said.get("reason") != "ReadinessGatesNotReady":
            continue
        yield Finding(
            kind="readiness-never-true",
            title=f"pod {pod.name} waits for a readiness gate",
            confidence="certain",
            reason="its containers are ready; what sets the gate (a load balancer, an operator) has not",
            quotes=(quote(pod, said.get("message") or "ReadinessGatesNotReady"),),
            look_at=kubectl(evidence, f"describe pod {pod.name}"),
            about="readiness gate",
        )


def evictions(evidence: Evidence) -> Iterator[Finding]:
    """Pods that a node threw out; long ago and replaced, they are history."""
    workload = evidence.workload
    ready, wanted = counted(workload) if workload else (0, 1)
    for pod in evidence.of("Pod"):
        if pod.status.get("reason") not in _THROWN_OUT or pod.status.get("phase") != "Failed":
            continue
        if ready >= wanted and not _was_recent(evidence, pod):
            continue
        yield Finding(
            kind="evicted",
            title=f"pod {pod.name} was thrown out by its node",
            confidence="certain",
            reason=f"its status has the reason {pod.status['reason']}",
            quotes=(quote(pod, pod.status.get("message") or pod.status["reason"]),),
            look_at=f"kubectl describe node {pod.spec.get('nodeName', '')}".rstrip(),
            about=evidence.subject.name,
        )


def _was_recent(evidence: Evidence, pod: Item) -> bool:
    """Within the last hour, as its conditions, its containers or the cluster's events tell it."""
    told = [one.get("lastTransitionTime") for one in pod.conditions]
    told += [one.ended.get("finishedAt") for one in containers_of(evidence, pod)]
    told += [event.at for event in evidence.events_of("Pod", pod.name)]
    times = [at for at in map(moment, told) if at is not None]
    return bool(times) and evidence.taken_at - max(times) <= RECENTLY

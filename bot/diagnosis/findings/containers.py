"""Containers that do not start, do not stay or do not get ready: what the kubelet says about them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.findings.base import Finding, Quote, kubectl, quote
from bot.diagnosis.findings.pods import Container, containers, is_over, is_ready

_IMAGE_REASONS = (
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
)
_UNAUTHORISED = re.compile(
    r"unauthori[sz]ed|\b401\b|\b403\b|denied|authorization failed|no basic auth", re.IGNORECASE
)
_UNREACHED = re.compile(
    r"i/o timeout|deadline exceeded|TLS handshake|connection refused|no such host|timed out|Client\.Timeout|EOF",
    re.IGNORECASE,
)
_CANNOT_START = ("CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun")
_NO_OBJECT = re.compile(r'(configmap|secret) "([^"]+)" not found', re.IGNORECASE)
_NO_KEY = re.compile(
    r"couldn't find key (\S+) in (ConfigMap|Secret) \S+|non-existent (\w+) key: (\S+)", re.IGNORECASE
)


def images(evidence: Evidence) -> Iterator[Finding]:
    """Images that are not pulled: wrong name, absent, not authorised, registry not reached."""
    for one in containers(evidence):
        why = str(one.waiting.get("reason", ""))
        image = str(one.status.get("image") or one.spec.get("image") or "")
        if why == "InvalidImageName":
            yield _of_image(evidence, one, "image-bad-name", f"{image!r} is no name of an image", ())
        elif why in _IMAGE_REASONS:
            said = [
                event
                for event in evidence.events_of("Pod", one.pod.name)
                if event.body.get("reason") == "Failed"
            ]
            told = [event for event in said if "image" in str(event.body.get("message"))]
            text = " ".join(
                [str(one.waiting.get("message", "")), *(str(event.body.get("message")) for event in told)]
            )
            quotes = tuple(quote(event, event.body.get("message")) for event in told[-1:])
            if _UNAUTHORISED.search(text):
                kind, words = "image-unauthorised", f"the registry does not let the cluster pull {image}"
            elif _UNREACHED.search(text):
                kind, words = "image-timeout", f"the registry of {image} is not reached"
            else:
                kind, words = "image-absent", f"there is no image {image}"
            yield _of_image(evidence, one, kind, words, quotes)


def _of_image(
    evidence: Evidence, one: Container, kind: str, words: str, quotes: tuple[Quote, ...]
) -> Finding:
    return Finding(
        kind=kind,
        title=words,
        confidence="certain" if quotes or one.waiting.get("message") else "likely",
        reason=f"{one.where} waits with {one.waiting.get('reason')}",
        quotes=(quote(one.pod, one.waiting.get("message") or one.waiting.get("reason")), *quotes),
        look_at=kubectl(evidence, f"describe pod {one.pod.name}"),
        about=one.name,
    )


def configuration(evidence: Evidence) -> Iterator[Finding]:
    """ConfigMaps, Secrets and keys that a pod names and that are not there; containers that cannot be created."""
    for one in containers(evidence):
        why, said = str(one.waiting.get("reason", "")), str(one.waiting.get("message", ""))
        if why == "CreateContainerConfigError":
            yield _missing(evidence, one.pod, said, one.where) or _cannot_start(evidence, one, said)
        elif why in _CANNOT_START or one.ended.get("reason") in _CANNOT_START:
            yield _cannot_start(evidence, one, said or str(one.ended.get("message", "")))
    for pod in evidence.of("Pod"):
        if is_over(pod) or is_ready(pod):
            continue
        for event in evidence.events_of("Pod", pod.name):
            if event.body.get("reason") == "FailedMount":
                found = _missing(
                    evidence, event, str(event.body.get("message", "")), f"a volume of pod {pod.name}"
                )
                if found:
                    yield found


def _missing(evidence: Evidence, item: Item, said: str, where: str) -> Finding | None:
    key, thing = _NO_KEY.search(said), _NO_OBJECT.search(said)
    if key:
        name = key[1] or key[4]
        kind, title = "missing-key", f"key {name} is not in the {(key[2] or key[3]).lower()} that is named"
    elif thing:
        kind, name = f"missing-{thing[1].lower()}", thing[2]
        title = f"there is no {thing[1].lower()} {name}"
    else:
        return None
    return Finding(
        kind=kind,
        title=title,
        confidence="certain",
        reason=f"{where} needs it to start",
        quotes=(quote(item, said),),
        look_at=kubectl(evidence, "get configmaps,secrets"),
        about=name,
    )


def _cannot_start(evidence: Evidence, one: Container, said: str) -> Finding:
    return Finding(
        kind="container-cannot-start",
        title=f"{one.where} cannot be started",
        confidence="certain",
        reason="the node tried and was refused before any of its own code ran",
        quotes=(quote(one.pod, said or one.waiting.get("reason")),),
        look_at=kubectl(evidence, f"describe pod {one.pod.name}"),
        about=one.name,
    )


def endings(evidence: Evidence) -> Iterator[Finding]:
    """Containers that end and are started again: out of memory, init containers, crash loops."""
    for one in containers(evidence):
        if not one.is_suspicious or not one.ended or one.ended.get("reason") in _CANNOT_START:
            continue
        code, why = one.ended.get("exitCode"), str(one.ended.get("reason", ""))
        if why == "OOMKilled":
            limit = ((one.spec.get("resources") or {}).get("limits") or {}).get("memory")
            yield Finding(
                kind="oom-killed",
                title=f"{one.where} is killed because it uses more memory than it may"
                + (f" ({limit})" if limit else ""),
                confidence="certain",
                reason=f"its last end has the reason OOMKilled, after {one.restarts} restarts",
                quotes=(quote(one.pod, "OOMKilled"),),
                look_at=kubectl(evidence, f"top pod {one.pod.name} --containers"),
                about=one.name,
            )
        elif one.is_init:
            yield Finding(
                kind="init-container-failing",
                title=f"{one.where} ends with exit status {code}, so the pod never starts",
                confidence="certain",
                reason="containers start only when every init container has ended with 0",
                quotes=(quote(one.pod, one.waiting.get("message") or why or code),),
                look_at=kubectl(evidence, f"logs {one.pod.name} -c {one.name} --previous"),
                about=one.name,
            )
        elif one.waiting.get("reason") == "CrashLoopBackOff" or one.restarts > 1:
            yield Finding(
                kind="crash-loop",
                title=f"{one.where} ends with exit status {code} again and again",
                confidence="certain" if one.waiting else "likely",
                reason=f"{one.restarts} restarts; its last end has the reason {why or 'none'}",
                quotes=(quote(one.pod, one.waiting.get("message") or why),),
                look_at=kubectl(evidence, f"logs {one.pod.name} -c {one.name} --previous"),
                about=one.name,
            )


def probes(evidence: Evidence) -> Iterator[Finding]:
    """Containers that run and are ended by their liveness probe, or are never asked to serve."""
    for one in containers(evidence):
        if one.is_init or not one.is_suspicious:
            continue
        said = [
            (event, str(event.body.get("message", "")))
            for event in evidence.events_of("Pod", one.pod.name)
            if event.body.get("reason") in ("Unhealthy", "Killing") and _is_about(event, one.name)
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
                quotes=(quote(*ready[-1]),) if ready else (quote(one.pod, "False"),),
                look_at=kubectl(evidence, f"logs {one.pod.name} -c {one.name}"),
                about=one.name,
            )


def _is_about(event: Item, container: str) -> bool:
    """Events name their container as a path: `spec.containers{app}`."""
    field = str((event.body.get("involvedObject") or {}).get("fieldPath") or "")
    return not field or f"{{{container}}}" in field


def evictions(evidence: Evidence) -> Iterator[Finding]:
    """Pods that a node threw out."""
    for pod in evidence.of("Pod"):
        if pod.status.get("reason") == "Evicted":
            yield Finding(
                kind="evicted",
                title=f"pod {pod.name} was thrown out by its node",
                confidence="certain",
                reason="its status has the reason Evicted",
                quotes=(quote(pod, pod.status.get("message") or "Evicted"),),
                look_at=f"kubectl describe node {pod.spec.get('nodeName', '')}".rstrip(),
                about=pod.name,
            )

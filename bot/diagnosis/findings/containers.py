"""Containers that do not start or do not stay: images, creation, endings, as the kubelet tells of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from bot.diagnosis.evidence import Evidence
from bot.diagnosis.findings.base import Finding, Quote, kubectl, quote
from bot.diagnosis.findings.needed import missing
from bot.diagnosis.findings.pods import Container, containers, containers_of, is_about, is_over, is_ready

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
_CANNOT_START = (
    *("CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun"),
    *("PostStartHookError", "PreCreateHookError"),
)
_RATE_LIMITED = re.compile(r"toomanyrequests|\b429\b|rate limit", re.IGNORECASE)
_ABSENT = re.compile(
    r"not found|manifest unknown|does not exist|no matching manifest|no match for platform|not present",
    re.IGNORECASE,
)
_ENDS = {
    126: "the command may not be executed",
    127: "the command was not found",
    134: "it aborted itself",
    137: "it was killed",
    139: "a segmentation fault",
    143: "it was told to stop",
}
"""What a shell or the kernel means by an exit status."""


def images(evidence: Evidence) -> Iterator[Finding]:
    """Images that are not pulled: wrong name, absent, not authorised, registry not reached."""
    for one in containers(evidence):
        why = str(one.waiting.get("reason", ""))
        image = str(one.status.get("image") or one.spec.get("image") or "")
        if why == "InvalidImageName":
            yield _of_image(evidence, one, "image-bad-name", f"{image!r} is no name of an image", ())
        elif why in _IMAGE_REASONS:
            yield _unpulled(evidence, one, image)


def _unpulled(evidence: Evidence, one: Container, image: str) -> Finding:
    said = [
        (event, str(event.body.get("message")))
        for event in evidence.events_of("Pod", one.pod.name)
        if event.body.get("reason") == "Failed" and is_about(event, one.name)
    ]
    told = [event for event, text in said if "image" in text and not text.startswith("Error: ")]
    text = " ".join(
        [str(one.waiting.get("message", "")), *(str(event.body.get("message")) for event in told)]
    )
    quotes = tuple(quote(event, event.body.get("message")) for event in told[-1:])
    if _RATE_LIMITED.search(text):
        kind, words = (
            "image-rate-limited",
            f"the registry has had enough of pulls and does not give {image} now",
        )
    elif _UNAUTHORISED.search(text):
        kind, words = "image-unauthorised", f"the registry does not let the cluster pull {image}"
    elif _UNREACHED.search(text):
        kind, words = "image-timeout", f"the registry of {image} is not reached"
    else:
        kind, words = "image-absent", f"there is no image {image}"
    found = _of_image(evidence, one, kind, words, quotes)
    if kind == "image-absent" and not _ABSENT.search(text):
        why = "it is not pulled and nothing says why any more; most often there is none of that name"
        return replace(found, confidence="likely", reason=why, title=f"image {image} cannot be pulled")
    return found


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


def starts(evidence: Evidence) -> Iterator[Finding]:
    """Containers that the node cannot make or start, and pods whose sandbox it cannot make."""
    for one in containers(evidence):
        why, said = str(one.waiting.get("reason", "")), str(one.waiting.get("message", ""))
        if why == "CreateContainerConfigError" and not any(missing(evidence, one.pod, said, "")):
            yield _cannot_start(evidence, one, said)
        elif why in _CANNOT_START or one.ended.get("reason") in _CANNOT_START:
            yield _cannot_start(evidence, one, said or str(one.ended.get("message", "")))
    for pod in evidence.of("Pod"):
        if is_over(pod) or is_ready(pod) or any(one.is_running for one in containers_of(evidence, pod)):
            continue
        for event in list(evidence.events_of("Pod", pod.name))[-1:]:
            if event.body.get("reason") == "FailedCreatePodSandBox":
                yield Finding(
                    kind="container-cannot-start",
                    title=f"node {pod.spec.get('nodeName', '')} cannot make the sandbox of pod {pod.name}",
                    confidence="certain",
                    reason="the network or the runtime of the node refuses, before any container is made",
                    quotes=(quote(event, event.body.get("message")),),
                    look_at=kubectl(evidence, f"describe pod {pod.name}"),
                    about="sandbox",
                )


def _cannot_start(evidence: Evidence, one: Container, said: str) -> Finding:
    return Finding(
        kind="container-cannot-start",
        title=f"{one.where} cannot be started",
        confidence="certain",
        reason="its postStart hook failed"
        if one.waiting.get("reason") == "PostStartHookError"
        else "the node tried and was refused before any of its own code ran",
        quotes=(quote(one.pod, said or one.waiting.get("reason")),),
        look_at=kubectl(evidence, f"describe pod {one.pod.name}"),
        about=one.name,
    )


def endings(evidence: Evidence) -> Iterator[Finding]:
    """Containers that end and are started again: out of memory, init containers, crash loops."""
    for one in containers(evidence):
        reasons = (one.ended.get("reason"), one.waiting.get("reason"))
        if not one.is_suspicious or not one.ended or any(why in _CANNOT_START for why in reasons):
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
                reason=f"{one.restarts} restarts; its last end has the reason {why or 'none'}"
                + (f": {_ENDS[code]}" if code in _ENDS else ""),
                quotes=(quote(one.pod, one.waiting.get("message") or why),),
                look_at=kubectl(evidence, f"logs {one.pod.name} -c {one.name} --previous"),
                about=one.name,
            )

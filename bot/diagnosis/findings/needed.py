"""What a pod names and needs to start, and that is not there: ConfigMaps, Secrets, their keys, a service account."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.findings.base import Confidence, Finding, kubectl, quote
from bot.diagnosis.findings.pods import containers, counted, is_over, is_ready

_NO_OBJECT = re.compile(r'(configmap|secret)s? "([^"]+)" not found', re.IGNORECASE)
_NO_KEY = re.compile(
    r"couldn't find key (\S+) in (ConfigMap|Secret) \S+|non-existent (config|secret|configmap) key: (\S+)",
    re.IGNORECASE,
)
_WORDS = {
    "configmap": "config map",
    "secret": "secret",
    "serviceaccount": "service account",
    "config": "config map",
}
_KINDS = {
    "configmap": "missing-configmap",
    "secret": "missing-secret",
    "serviceaccount": "missing-service-account",
}


def configuration(evidence: Evidence) -> Iterator[Finding]:
    """As the kubelet says it: of a container that cannot be made, or of a volume."""
    for one in containers(evidence):
        if one.waiting.get("reason") == "CreateContainerConfigError":
            yield from missing(evidence, one.pod, str(one.waiting.get("message", "")), one.where)
    for pod in evidence.of("Pod"):
        if is_over(pod) or is_ready(pod):
            continue
        for event in evidence.events_of("Pod", pod.name):
            if event.body.get("reason") == "FailedMount":
                said = str(event.body.get("message", ""))
                yield from missing(evidence, event, said, f"a volume of pod {pod.name}")


def missing(evidence: Evidence, item: Item, said: str, where: str) -> Iterator[Finding]:
    """What these words say is missing."""
    key, thing = _NO_KEY.search(said), _NO_OBJECT.search(said)
    if key:
        name = key[1] or key[4]
        kind, title = (
            "missing-key",
            f"key {name} is not in the {_WORDS[(key[2] or key[3]).lower()]} that is named",
        )
    elif thing:
        kind, name = _KINDS[thing[1].lower()], thing[2]
        title = f"there is no {_WORDS[thing[1].lower()]} {name}"
    else:
        return
    yield Finding(
        kind=kind,
        title=title,
        confidence="certain",
        reason=f"{where} needs it to start",
        quotes=(quote(item, said),),
        look_at=kubectl(evidence, "get configmaps,secrets"),
        about=name,
    )


def named(evidence: Evidence) -> Iterator[Finding]:
    """As the cluster answers when it is asked for what the template names; Secrets are not asked for."""
    workload = evidence.workload
    if workload is None:
        return
    ready, wanted = counted(workload)
    is_felt = ready < wanted
    confidence: Confidence = "certain" if is_felt else "possible"
    for item in evidence.of("References"):
        for words in item.body.get("missing") or ():
            kind, _, name = str(words).partition(" ")
            yield Finding(
                kind=_KINDS[kind],
                title=f"there is no {_WORDS[kind]} {name}",
                confidence=confidence,
                reason="the pod template names it, and pods are missing"
                if is_felt
                else "pods that run do not need it any more, but the next one that starts will wait for it",
                quotes=(quote(item, words),),
                look_at=kubectl(evidence, f"get {kind} {name}"),
                about=name,
            )

"""Volumes that hold a pod up: claims that are not bound, classes that are not there, mounts that do not succeed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.diagnosis.evidence import Evidence
from bot.diagnosis.findings.base import Finding, kubectl, quote
from bot.diagnosis.findings.needed import missing
from bot.diagnosis.findings.pods import is_over, is_ready

_NO_CLASS = re.compile(r'storageclass\S* "([^"]+)" not found')
_WAITS = ("WaitForFirstConsumer", "WaitForPodScheduled")
_OF_MOUNTS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")


def claims(evidence: Evidence) -> Iterator[Finding]:
    """Volume claims that are not bound, and the classes they name."""
    used = {
        volume["persistentVolumeClaim"].get("claimName")
        for pod in evidence.of("Pod")
        for volume in pod.spec.get("volumes") or ()
        if volume.get("persistentVolumeClaim")
    }
    for claim in evidence.of("PersistentVolumeClaim"):
        if claim.status.get("phase") not in ("Pending", "Lost") or claim.name not in used:
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
        elif failed or not any(event.body.get("reason") in _WAITS for event in said):
            yield Finding(
                kind="pvc-pending",
                title=f"volume claim {claim.name} is not bound",
                confidence="certain" if failed else "likely",
                reason="its volume could not be made" if failed else "no volume was made for it",
                quotes=(quote(failed[-1], text) if failed else quote(claim, claim.status.get("phase")),),
                look_at=kubectl(evidence, f"describe pvc {claim.name}"),
                about=claim.name,
            )


def mounts(evidence: Evidence) -> Iterator[Finding]:
    """Volumes that exist and do not come to the pod: held by another node, or not answering."""
    for pod in evidence.of("Pod"):
        if is_over(pod) or is_ready(pod):
            continue
        said = [
            (event, str(event.body.get("message", "")))
            for event in evidence.events_of("Pod", pod.name)
            if event.body.get("reason") in _OF_MOUNTS
        ]
        named = [event for event, text in said if any(missing(evidence, event, text, ""))]
        if not said or named:
            continue
        attached = [one for one in said if one[0].body.get("reason") == "FailedAttachVolume"]
        event, text = (attached or said)[-1]
        yield Finding(
            kind="volume-not-mounted",
            title=f"a volume of pod {pod.name} is not mounted"
            + (": another node still holds it" if "Multi-Attach" in text else ""),
            confidence="likely",
            reason="its containers start only when every volume is there",
            quotes=(quote(event, text),),
            look_at=kubectl(evidence, f"describe pod {pod.name}"),
            about=evidence.subject.name,
        )

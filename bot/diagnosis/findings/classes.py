"""The classes of failure in people's words: for the menu of what it really was, and to find runbooks that fit."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CLASSES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "not-there": ("the workload does not exist", "missing, deleted"),
        "node-not-ready": ("a node is not ready", "node down"),
        "quota-exceeded": ("a quota refuses new pods", "quota, resource quota"),
        "missing-service-account": ("a service account is missing", "service account"),
        "admission-refused": ("an admission check refuses the pods", "admission, webhook"),
        "unschedulable-resources": (
            "no node has enough room",
            "pending, unschedulable, no capacity, insufficient cpu, insufficient memory",
        ),
        "unschedulable-selector": ("no node fits the node selector", "pending, unschedulable, node selector"),
        "unschedulable-taint": ("every node is tainted", "pending, unschedulable, taint"),
        "unschedulable-affinity": (
            "no node satisfies the affinity rules",
            "pending, unschedulable, affinity",
        ),
        "unschedulable-volume": (
            "no node can reach its volume",
            "pending, unschedulable, volume, storage",
        ),
        "storage-class-missing": ("a storage class is missing", "volume, storage"),
        "pvc-pending": ("a volume claim is not bound", "volume, storage, pending"),
        "image-bad-name": ("an image name is not valid", "image, image pull"),
        "image-absent": ("an image does not exist", "image, image pull, ImagePullBackOff"),
        "image-unauthorised": (
            "an image may not be pulled",
            "image, image pull, ImagePullBackOff, registry credentials",
        ),
        "image-rate-limited": (
            "a registry limits how often images are pulled",
            "image, image pull, ImagePullBackOff, registry, rate limit",
        ),
        "image-timeout": (
            "an image could not be pulled in time",
            "image, image pull, ImagePullBackOff, registry",
        ),
        "volume-not-mounted": ("a volume cannot be mounted", "volume, storage, mount"),
        "missing-configmap": ("a ConfigMap is missing", "configuration, config"),
        "missing-secret": ("a Secret is missing", "configuration, config, secret"),
        "missing-key": ("a key is missing in a ConfigMap or Secret", "configuration, config"),
        "container-cannot-start": ("a container cannot be started", "start, CreateContainerError"),
        "oom-killed": (
            "a container ran out of memory",
            "oom, out of memory, memory, memory leak, OOMKilled, crash loop, restarts",
        ),
        "evicted": ("pods were evicted", "evicted, eviction, disk pressure, memory pressure"),
        "certificate-expired": ("a certificate has expired", "certificate, tls, expired"),
        "certificate-unknown-authority": (
            "a certificate is from an unknown authority",
            "certificate, tls, unknown authority",
        ),
        "dns-failure": ("a name cannot be resolved", "dns, name resolution"),
        "connection-refused": (
            "a dependency refuses connections",
            "connection refused, dependency, dependency down, unreachable",
        ),
        "connection-timeout": (
            "a dependency does not answer in time",
            "timeout, connection timeout, dependency, dependency down, unreachable",
        ),
        "login-refused": (
            "a dependency refuses the login",
            "login, authentication, password, credentials, dependency",
        ),
        "disk-full": ("a disk is full", "disk, disk full, no space, storage"),
        "traceback": ("the program fails with an exception", "exception, traceback, panic, errors, crash"),
        "liveness-kills": ("the liveness probe ends it", "liveness, probe, restarts"),
        "init-container-failing": ("an init container fails", "init container, crash loop"),
        "node-pressure": ("a node is under pressure", "node pressure, disk pressure, memory pressure"),
        "crash-loop": ("a container keeps crashing", "crash, crash loop, CrashLoopBackOff, restarts"),
        "selector-matches-nothing": ("a service's selector matches no pod", "selector, no endpoints"),
        "ingress-without-backend": ("an ingress has no backend", "ingress, no backend, 503"),
        "ingress-class-missing": ("an ingress class is missing", "ingress"),
        "hpa-without-target": ("an autoscaler has no target", "autoscaler, hpa, scaling"),
        "hpa-without-metrics": ("an autoscaler has no metrics", "autoscaler, hpa, scaling, metrics"),
        "budget-blocks": ("a disruption budget blocks", "disruption budget, drain"),
        "readiness-never-true": ("pods never get ready", "not ready, pods not ready, readiness, probe"),
        "job-deadline": ("a job took too long", "job, deadline"),
        "job-failed": ("a job failed", "job"),
        "service-without-endpoints": ("a service has no endpoints", "no endpoints, 503, unavailable"),
        "rollout-stuck": ("a rollout does not finish", "rollout, deploy, deployment, bad deploy, stuck"),
        "rollout-paused": ("a rollout is paused", "rollout, deploy, deployment, paused"),
        "healthy": ("nothing is wrong", ""),
    }
)
"""Each class with what it is called, and with the words by which triggers of runbooks may name it."""


def called(kind: str) -> str:
    """`a container ran out of memory`; the class itself where it has no words yet."""
    return CLASSES[kind][0] if kind in CLASSES else kind.replace("-", " ")


def symptoms_of(kind: str) -> str:
    """What a runbook's symptom words are looked for in: fixed words, none of them from a cluster."""
    words = CLASSES.get(kind, ("", ""))
    return ". ".join(filter(None, (kind, *words)))

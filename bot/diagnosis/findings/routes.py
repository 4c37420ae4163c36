"""How traffic finds the workload: services, their endpoints, ingresses."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.findings.base import Finding, kubectl, quote


def services(evidence: Evidence) -> Iterator[Finding]:
    """Services of this workload that select nothing, or whose pods are all not ready."""
    for service in evidence.of("Service"):
        selector = {str(key): str(value) for key, value in (service.spec.get("selector") or {}).items()}
        if not selector or not _is_related(evidence, service, selector):
            continue
        wrong = {key: value for key, value in selector.items() if evidence.labels.get(key) != value}
        if wrong and not _has_addresses(evidence, service):
            words = ", ".join(f"{key}={value}" for key, value in wrong.items())
            yield Finding(
                kind="selector-matches-nothing",
                title=f"service {service.name} selects {words}, which no pod of {evidence.subject.name} has",
                confidence="certain" if "Endpoints" in evidence.read else "likely",
                reason="so it sends traffic nowhere",
                quotes=(quote(service, next(iter(wrong.values()))),),
                look_at=kubectl(evidence, f"describe service {service.name}"),
                about=service.name,
            )
        elif not wrong and "Endpoints" in evidence.read and not _has_addresses(evidence, service):
            yield Finding(
                kind="service-without-endpoints",
                title=f"service {service.name} has no pod that is ready behind it",
                confidence="certain",
                reason="it selects the right pods, and none of them is ready",
                quotes=(quote(service, service.name),),
                look_at=kubectl(evidence, f"get endpoints {service.name}"),
                about=service.name,
            )


def _is_related(evidence: Evidence, service: Item, selector: dict[str, str]) -> bool:
    """It shares a label with the workload's pods, or its name."""
    has_label = any(evidence.labels.get(key) == value for key, value in selector.items())
    return has_label or service.name == evidence.subject.name


def _has_addresses(evidence: Evidence, service: Item) -> bool:
    return any(
        subset.get("addresses")
        for endpoints in evidence.of("Endpoints")
        if endpoints.name == service.name
        for subset in endpoints.body.get("subsets") or ()
    )


def ingresses(evidence: Evidence) -> Iterator[Finding]:
    """Ingresses that lead to no service, or that no controller serves."""
    known = {one.name for one in evidence.of("Service")}
    classes = list(evidence.of("IngressClass"))
    for ingress in evidence.of("Ingress"):
        backends = list(_backends(ingress))
        gone = [name for name in backends if name not in known]
        if not _concerns(evidence, backends, gone):
            continue
        if gone and "Service" in evidence.read:
            yield Finding(
                kind="ingress-without-backend",
                title=f"ingress {ingress.name} leads to service {gone[0]}, which is not there",
                confidence="certain",
                reason="requests that it takes get an error from the ingress controller",
                quotes=(quote(ingress, gone[0]),),
                look_at=kubectl(evidence, f"describe ingress {ingress.name}"),
                about=ingress.name,
            )
        wanted = str(ingress.spec.get("ingressClassName") or "")
        if "IngressClass" not in evidence.read or wanted in {one.name for one in classes}:
            continue
        notes = (ingress.body.get("metadata") or {}).get("annotations") or {}
        if wanted or not (any(map(_is_default, classes)) or "kubernetes.io/ingress.class" in notes):
            yield Finding(
                kind="ingress-class-missing",
                title=f"there is no ingress class {wanted}"
                if wanted
                else f"ingress {ingress.name} names no class",
                confidence="certain" if wanted else "likely",
                reason="no controller feels responsible, so nothing is routed",
                quotes=(quote(ingress, wanted or ingress.name),),
                look_at="kubectl get ingressclasses",
                about=ingress.name,
            )


def _backends(ingress: Item) -> Iterator[str]:
    """The services that an ingress names."""
    paths = [
        path
        for rule in ingress.spec.get("rules") or ()
        for path in (rule.get("http") or {}).get("paths") or ()
    ]
    for backend in (ingress.spec.get("defaultBackend"), *(path.get("backend") for path in paths)):
        name = ((backend or {}).get("service") or {}).get("name")
        if name:
            yield str(name)


def _concerns(evidence: Evidence, backends: list[str], gone: list[str]) -> bool:
    """It leads to a service of this workload, or to one that is missing and named like it."""
    own = {
        one.name
        for one in evidence.of("Service")
        if _is_related(evidence, one, {str(k): str(v) for k, v in (one.spec.get("selector") or {}).items()})
    }
    return bool(own & set(backends)) or any(name.startswith(evidence.subject.name) for name in gone)


def _is_default(ingress_class: Item) -> bool:
    notes = (ingress_class.body.get("metadata") or {}).get("annotations") or {}
    return notes.get("ingressclass.kubernetes.io/is-default-class") == "true"

"""How traffic finds the workload: services, their endpoints, ingresses."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.findings.base import Finding, kubectl, quote
from bot.diagnosis.findings.pods import counted, is_over, is_ready, unready_words

_IDENTITY = (
    *("app", "app.kubernetes.io/name", "app.kubernetes.io/component", "app.kubernetes.io/instance"),
    *("k8s-app", "name", "run", "component", "service"),
)
"""Labels that say which pods they are; others (`env`, `team`) say whose, and many share them."""


def services(evidence: Evidence) -> Iterator[Finding]:
    """Services of this workload that select nothing, or whose pods are all not ready."""
    for service in evidence.of("Service"):
        selector = _selector(service)
        if not selector or _has_addresses(evidence, service):
            continue
        wrong = _wrong(evidence, selector)
        if not wrong:
            if "Endpoints" in evidence.read:
                yield _without_endpoints(evidence, service)
        elif _is_related(evidence, service, selector) and not _is_next_door(evidence, selector):
            words = ", ".join(f"{key}={value}" for key, value in wrong.items())
            is_sure = {"Endpoints", "Neighbour"} <= evidence.read
            yield Finding(
                kind="selector-matches-nothing",
                title=f"service {service.name} selects {words}, which no pod of {evidence.subject.name} has",
                confidence="certain" if is_sure else "likely",
                reason="so it sends traffic nowhere",
                quotes=(quote(service, next(iter(wrong.values()))),),
                look_at=kubectl(evidence, f"describe service {service.name}"),
                about=service.name,
            )


def needs_neighbours(evidence: Evidence) -> bool:
    """Whether a service selects other labels and leads nowhere: then it matters whose it is."""
    return any(
        bool(_wrong(evidence, selector)) and not _has_addresses(evidence, service)
        for service in evidence.of("Service")
        if _is_related(evidence, service, selector := _selector(service))
    )


def _without_endpoints(evidence: Evidence, service: Item) -> Finding:
    ready, wanted = counted(evidence.workload) if evidence.workload else (0, 1)
    ports = [str(port.get("targetPort")) for port in service.spec.get("ports") or ()]
    known = {
        str(port.get("name"))
        for pod in evidence.of("Pod")
        for container in pod.spec.get("containers") or ()
        for port in container.get("ports") or ()
    }
    unknown = [port for port in ports if not port.isdigit() and port != "None" and port not in known]
    late = next((pod for pod in evidence.of("Pod") if not is_over(pod) and not is_ready(pod)), None)
    quoted = quote(service, service.name)
    if not wanted:
        reason = f"{evidence.subject.words} asks for no pod now"
    elif unknown and any(evidence.of("Pod")):
        reason, quoted = f"its target port {unknown[0]} is no port of its pods", quote(service, unknown[0])
    elif ready:
        reason = "it selects the right pods, and the cluster lists none of them behind it"
    else:
        reason = "it selects the right pods, and none of them is ready"
        if late is not None and unready_words(late):
            quoted = quote(late, unready_words(late))
    return Finding(
        kind="service-without-endpoints",
        title=f"service {service.name} has no pod that is ready behind it",
        confidence="certain",
        reason=reason,
        quotes=(quoted,),
        look_at=kubectl(evidence, f"get endpoints {service.name}"),
        about=service.name,
    )


def _selector(service: Item) -> dict[str, str]:
    return {str(key): str(value) for key, value in (service.spec.get("selector") or {}).items()}


def _wrong(evidence: Evidence, selector: dict[str, str]) -> dict[str, str]:
    """What it asks for and the workload's pods do not have."""
    return {key: value for key, value in selector.items() if evidence.labels.get(key) != value}


def _is_related(evidence: Evidence, service: Item, selector: dict[str, str]) -> bool:
    """It selects these pods, is called like the workload, or wants nearly the same of what says which pods they are."""
    if not selector or not evidence.labels:
        return False
    if not _wrong(evidence, selector) or service.name == evidence.subject.name:
        return True
    return any(
        key in _IDENTITY and _is_alike(value, evidence.labels.get(key, "")) for key, value in selector.items()
    )


def _is_alike(one: str, other: str) -> bool:
    """`api` and `api-server`, `payment` and `payments`: one of them may be a slip."""
    if not one or not other:
        return False
    return one.startswith(other) or other.startswith(one) or SequenceMatcher(None, one, other).ratio() > 0.8


def _is_next_door(evidence: Evidence, selector: dict[str, str]) -> bool:
    """Another workload of the namespace has such pods."""
    for other in evidence.of("Neighbour"):
        template = other.spec.get("template") or {}
        labels = (template.get("metadata") or {}).get("labels") or {}
        if all(labels.get(key) == value for key, value in selector.items()):
            return True
    return False


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
    own = {one.name for one in evidence.of("Service") if _is_related(evidence, one, _selector(one))}
    return bool(own & set(backends)) or any(_is_alike(name, evidence.subject.name) for name in gone)


def _is_default(ingress_class: Item) -> bool:
    notes = (ingress_class.body.get("metadata") or {}).get("annotations") or {}
    return notes.get("ingressclass.kubernetes.io/is-default-class") == "true"

"""Pods that run and do not serve, and the way of the traffic."""

from __future__ import annotations

from tests.diagnosis.scenes.base import CRASHES, LIVE, NO_ENDPOINTS, READY, scene
from tests.diagnosis.snapshots import LABELS, Snap, listed, running, snap


@scene("liveness-kills", "crash-loop")
def killed_before_its_port_is_open() -> Snap:
    said = 'Liveness probe failed: Get "http://10.1.0.5:8080/": dial tcp 10.1.0.5:8080: connect: connection refused'
    return (
        snap()
        .app(container=LIVE, ended=("Error", 137), restarts=5)
        .event("Unhealthy", said, container="app")
        .event("Killing", "Container app failed liveness probe, will be restarted", container="app")
        .log("loading models, this takes a minute", "loaded 3 of 9")
    )


@scene("liveness-kills", "crash-loop")
def killed_because_it_hangs() -> Snap:
    said = "Liveness probe failed: HTTP probe failed with statuscode: 500"
    return (
        snap().app(container=LIVE, **CRASHES, ended=("Error", 143)).event("Unhealthy", said, container="app")
    )


@scene("liveness-kills", "crash-loop")
def killed_by_its_startup_probe() -> Snap:
    said = "Startup probe failed: dial tcp 10.1.0.5:8080: connect: connection refused"
    return snap().app(ended=("Error", 137), restarts=3).event("Unhealthy", said, container="app")


@scene("readiness-never-true")
def never_ready() -> Snap:
    said = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    return snap().app(container=READY).event("Unhealthy", said, container="app")


@scene("readiness-never-true", besides=(*NO_ENDPOINTS, "rollout-stuck"))
def never_ready_and_the_rollout_is_late() -> Snap:
    said = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    made = snap().app(container=READY).event("Unhealthy", said, container="app")
    return made.says(
        Progressing='False ProgressDeadlineExceeded: ReplicaSet "api-7d9" has timed out progressing.'
    )


@scene("rollout-stuck", besides=())
def a_rollout_that_is_late_and_nobody_knows_why() -> Snap:
    return snap().says(
        Progressing='False ProgressDeadlineExceeded: ReplicaSet "api-7d9" has timed out progressing.'
    )


@scene("rollout-paused", besides=())
def a_rollout_that_somebody_paused_and_forgot() -> Snap:
    made = snap()
    own = made.items["deployment/api"]
    status = {
        **own.status,
        "updatedReplicas": 1,
        "conditions": listed({"Progressing": "Unknown DeploymentPaused: Deployment is paused"}),
    }
    return made.put("Deployment", "api", spec={**own.spec, "paused": True}, status=status)


@scene("selector-matches-nothing", besides=())
def a_service_that_selects_a_label_nobody_has() -> Snap:
    return snap().service("api", selector={"app": "api-server"}, addresses=0)


@scene("selector-matches-nothing", besides=())
def a_service_that_selects_one_label_too_many() -> Snap:
    return snap().service("web", selector={**LABELS, "tier": "web"}, addresses=0)


@scene("service-without-endpoints", besides=())
def a_service_without_endpoints_though_its_pods_are_ready() -> Snap:
    return snap().endpoints("api", addresses=0)


@scene("ingress-without-backend", besides=())
def an_ingress_to_a_service_of_another_name() -> Snap:
    return snap().ingress(to="api-service")


@scene("ingress-class-missing", besides=())
def an_ingress_of_a_class_that_is_not_there() -> Snap:
    return snap().ingress(ingress_class="traefik")


@scene("ingress-class-missing", besides=())
def an_ingress_without_class_where_none_is_the_default() -> Snap:
    return snap().ingress(ingress_class="")


@scene("readiness-never-true")
def a_load_balancer_that_has_not_opened_its_gate() -> Snap:
    said = 'the status of pod readiness gate "target-health.elbv2.k8s.aws/api" is not "True", but False'
    gate = {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady", "message": said}
    return snap().pod(containerStatuses=[running()], conditions=[gate])


@scene("readiness-never-true")
def it_listens_on_another_port_than_its_probe_asks() -> Snap:
    said = 'Readiness probe failed: Get "http://10.1.0.5:8081/": dial tcp 10.1.0.5:8081: connect: connection refused'
    return (
        snap()
        .app(container=READY)
        .event("Unhealthy", said, container="app")
        .log("listening on :8080", previous=False)
    )


@scene("service-without-endpoints", besides=())
def a_service_whose_target_port_no_pod_has() -> Snap:
    made = snap()
    ports = [{"name": "web", "port": 80, "targetPort": "web"}]
    made.put("Service", "api", spec={"selector": LABELS, "ports": ports})
    return made.endpoints("api", addresses=0)


@scene("service-without-endpoints", besides=())
def a_workload_that_was_scaled_to_nothing_and_is_asked_for() -> Snap:
    return snap(replicas=0).endpoints("api", addresses=0)

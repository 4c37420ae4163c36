"""Two faults at once, and what cannot be known."""

from __future__ import annotations

from tests.diagnosis.scenes.base import CRASHES, SCALES_API, scene
from tests.diagnosis.snapshots import LABELS, Snap, listed, running, snap


@scene("missing-secret", "selector-matches-nothing")
def a_missing_secret_and_a_service_that_selects_nothing() -> Snap:
    made = snap().app(waiting="CreateContainerConfigError", says='secret "api-db" not found')
    return made.service("web", selector={**LABELS, "tier": "web"}, addresses=0)


@scene("oom-killed", "node-pressure")
def out_of_memory_on_a_node_that_is_short_of_it() -> Snap:
    made = snap().node("n1", MemoryPressure="True: kubelet has insufficient memory available")
    return made.app(**CRASHES, ended=("OOMKilled", 137))


@scene("image-absent", "hpa-without-metrics")
def an_absent_image_and_an_autoscaler_without_metrics() -> Snap:
    said = listed(
        {"ScalingActive": "False FailedGetResourceMetric: no metrics returned from resource metrics API"}
    )
    made = snap().app(waiting="ErrImagePull", says="registry.acme.example/api:2: not found")
    return made.put("HorizontalPodAutoscaler", "api", spec=SCALES_API, status={"conditions": said})


@scene("unschedulable-resources", "crash-loop")
def one_pod_crashes_and_another_finds_no_node() -> Snap:
    made = snap().app(**CRASHES, ended=("Error", 1))
    return made.pending("0/2 nodes are available: 2 Insufficient cpu.", name="api-2")


@scene("dns-failure", "crash-loop", "ingress-class-missing")
def a_name_that_does_not_resolve_behind_an_ingress_nobody_serves() -> Snap:
    made = snap().app(**CRASHES, ended=("Error", 1)).log("getaddrinfo EAI_AGAIN redis")
    return made.ingress(ingress_class="traefik")


@scene("not-there", besides=())
def a_workload_that_is_not_there() -> Snap:
    made = snap(replicas=0)
    return made.without("deployment/api", "service/api", "endpoints/api")


@scene("crash-loop", besides=())
def a_crash_loop_where_most_may_not_be_read() -> Snap:
    made = snap().app(**CRASHES, ended=("Error", 1))
    for kind in ("Event", "Service", "Endpoints", "Ingress", "PersistentVolumeClaim", "Node"):
        made.unread(kind)
    return made


@scene(besides=())
def nothing_could_be_read() -> Snap:
    made = snap()
    for kind in ("Deployment", "Pod", "Event", "Service", "Endpoints", "Node"):
        made.unread(kind)
    return made


@scene("image-unauthorised", "pvc-pending")
def a_registry_that_wants_a_login_and_a_claim_that_is_not_bound() -> Snap:
    made = snap().app(waiting="ErrImagePull", says="pull access denied: 401 Unauthorized")
    volumes = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-api"}}]}
    said = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    made.pending(said, spec=volumes, name="api-2").put("StorageClass", "fast")
    return made.put(
        "PersistentVolumeClaim", "data-api", spec={"storageClassName": "fast"}, status={"phase": "Pending"}
    )


@scene("traceback", "crash-loop", "rollout-stuck")
def a_bad_release_while_the_old_one_still_serves() -> Snap:
    made = (
        snap()
        .app("api-new", **CRASHES, ended=("Error", 1))
        .log(
            "Traceback (most recent call last):",
            '  File "/app/x.py", line 1, in <module>',
            "KeyError: 'QUEUE'",
            pod="api-new",
        )
    )
    made._pod("api-old", {"containerStatuses": [running()]}, {}).endpoints("api", addresses=1)
    own = made.items["deployment/api"]
    made.put(
        "Deployment", "api", spec=own.spec, status={"replicas": 3, "readyReplicas": 1, "updatedReplicas": 1}
    )
    return made.says(
        Progressing='False ProgressDeadlineExceeded: ReplicaSet "api-7d9f8b6c5d" has timed out progressing.'
    )


@scene("oom-killed", "hpa-without-metrics")
def out_of_memory_and_nobody_to_scale_it() -> Snap:
    told = listed(
        {"ScalingActive": "False FailedGetResourceMetric: no metrics returned from resource metrics API"}
    )
    made = snap().app(**CRASHES, ended=("OOMKilled", 137))
    return made.put("HorizontalPodAutoscaler", "api", spec=SCALES_API, status={"conditions": told})

"""The cases: what was recorded, what is wrong, and what else may be said. The first expected class must come first.

Beside those built here, every `recorded/*.json` is a case: a snapshot as it was collected, with its `expected`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.diagnosis.evidence import Evidence
from tests.diagnosis.snapshots import LABELS, YESTERDAY, Snap, listed, snap

RECORDED = Path(__file__).parent / "recorded"
CRASHES: dict[str, Any] = {
    "waiting": "CrashLoopBackOff",
    "says": "back-off 5m0s restarting failed container=app",
    "restarts": 7,
}
LIVE = {"livenessProbe": {"httpGet": {"port": 8080}}}
READY = {"readinessProbe": {"httpGet": {"port": 8080}}}
SCALES_API = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}}
NO_ENDPOINTS = ("service-without-endpoints",)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One snapshot with what must be found in it."""

    name: str
    evidence: Evidence
    expected: tuple[str, ...]
    """All of them, the cause first. Anything else that is found must be in `besides`."""
    besides: tuple[str, ...] = ()


_MAKERS: list[tuple[str, Callable[[], Snap], tuple[str, ...], tuple[str, ...]]] = []


def case(
    *expected: str, besides: tuple[str, ...] = NO_ENDPOINTS
) -> Callable[[Callable[[], Snap]], Callable[[], Snap]]:
    """A case named after its function."""

    def keep(make: Callable[[], Snap]) -> Callable[[], Snap]:
        _MAKERS.append((make.__name__, make, expected, besides))
        return make

    return keep


def cases() -> Iterator[Case]:
    """All of them."""
    for name, make, expected, besides in _MAKERS:
        yield Case(name=name, evidence=make().made(), expected=expected, besides=besides)
    for path in sorted(RECORDED.glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        yield Case(
            name=path.stem,
            evidence=Evidence.from_json(told["evidence"]),
            expected=tuple(told["expected"]),
            besides=tuple(told["besides"]),
        )


# ---------------------------------------------------------------- nothing is wrong


@case("healthy")
def healthy() -> Snap:
    return snap()


@case("healthy")
def healthy_with_old_restarts() -> Snap:
    from tests.diagnosis.snapshots import status_of

    old = status_of("app", ready=True, restarts=3, ended=("OOMKilled", 137), ended_at=YESTERDAY)
    return snap()._pod("api-2", {"containerStatuses": [old]}, {})


@case("healthy")
def healthy_though_an_old_pod_is_on_its_way_out() -> Snap:
    gone = {"labels": LABELS, "deletionTimestamp": YESTERDAY}
    return snap().put("Pod", "api-0", metadata=gone, spec={}, status={"phase": "Running"})


@case("healthy")
def healthy_with_alarming_events_of_somebody_else() -> Snap:
    return snap().event("FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.", of="Pod/other-1")


@case("healthy")
def healthy_and_scaled_to_nothing() -> Snap:
    return snap(replicas=0).endpoints("api", addresses=0).without("service/api", "endpoints/api")


@case("healthy")
def healthy_with_an_autoscaler_and_a_budget() -> Snap:
    fine = listed(
        {"AbleToScale": "True SucceededRescale: fine", "ScalingActive": "True ValidMetricFound: fine"}
    )
    budget = {"selector": {"matchLabels": LABELS}, "minAvailable": 2}
    return (
        snap()
        .put("HorizontalPodAutoscaler", "api", spec=SCALES_API, status={"conditions": fine})
        .put("PodDisruptionBudget", "api", spec=budget, status={"disruptionsAllowed": 0, "expectedPods": 2})
    )


@case("healthy")
def healthy_with_a_claim_that_waits_for_its_first_consumer() -> Snap:
    return (
        snap()
        .put("PersistentVolumeClaim", "spare", spec={"storageClassName": "fast"}, status={"phase": "Pending"})
        .put("StorageClass", "fast")
        .event(
            "WaitForFirstConsumer",
            "waiting for first consumer to be created before binding",
            of="PersistentVolumeClaim/spare",
        )
    )


# ---------------------------------------------------------------- it ends again and again


@case("crash-loop")
def a_crash_loop_that_says_nothing() -> Snap:
    return snap().app(**CRASHES, ended=("Error", 1))


@case("crash-loop")
def a_crash_loop_that_ends_with_success() -> Snap:
    return snap().app(**CRASHES, ended=("Completed", 0)).log("starting", "nothing to do, bye")


@case("crash-loop")
def it_restarts_often_and_runs_at_this_moment() -> Snap:
    return snap().app(ended=("Error", 2), restarts=9)


@case("oom-killed")
def out_of_memory_in_a_crash_loop() -> Snap:
    limits = {"resources": {"limits": {"memory": "256Mi"}}}
    return snap().app(container=limits, **CRASHES, ended=("OOMKilled", 137)).log("loading 4 GB of products")


@case("oom-killed", besides=())
def out_of_memory_and_serving_again() -> Snap:
    return snap().app(ready=True, ended=("OOMKilled", 137), restarts=2).endpoints("api", addresses=1)


@case("oom-killed")
def out_of_memory_in_an_init_container() -> Snap:
    return snap().init(**CRASHES, ended=("OOMKilled", 137))


@case("init-container-failing")
def an_init_container_that_fails() -> Snap:
    return snap().init(**CRASHES, ended=("Error", 3)).log("migration 0042 failed", container="migrate")


@case("init-container-failing")
def an_init_container_that_just_failed() -> Snap:
    return snap().init(terminated=True, ended=("Error", 1))


@case("connection-refused", "init-container-failing")
def an_init_container_that_waits_for_its_database() -> Snap:
    return (
        snap()
        .init(**CRASHES, ended=("Error", 1))
        .log(
            "waiting for db:5432 …",
            "dial tcp 10.2.0.7:5432: connect: connection refused",
            container="migrate",
        )
    )


# ---------------------------------------------------------------- images


@case("image-absent")
def an_image_that_is_not_there() -> Snap:
    says = 'Back-off pulling image "registry.acme.example/api:2"'
    return (
        snap()
        .app(waiting="ImagePullBackOff", says=says)
        .event(
            "Failed",
            'Failed to pull image "registry.acme.example/api:2": rpc error: code = NotFound desc = failed to pull and '
            'unpack image "registry.acme.example/api:2": failed to resolve reference: registry.acme.example/api:2: '
            "not found",
            container="app",
        )
    )


@case("image-absent")
def a_tag_that_was_never_pushed() -> Snap:
    return snap().app(
        waiting="ErrImagePull", says="manifest for registry.acme.example/api:2 not found: manifest unknown"
    )


@case("image-absent")
def an_image_that_must_be_on_the_node() -> Snap:
    says = 'Container image "registry.acme.example/api:2" is not present with pull policy of Never'
    return snap().app(waiting="ErrImageNeverPull", says=says)


@case("image-unauthorised")
def a_registry_that_wants_a_login() -> Snap:
    return (
        snap()
        .app(waiting="ImagePullBackOff", says="Back-off pulling image")
        .event(
            "Failed",
            "Failed to pull image: failed to authorize: failed to fetch anonymous token: unexpected status from GET "
            "request to https://auth.acme.example/token: 401 Unauthorized",
        )
    )


@case("image-unauthorised")
def a_registry_that_will_not_tell_whether_the_image_is_there() -> Snap:
    return snap().app(
        waiting="ErrImagePull",
        says="pull access denied, repository does not exist or may require authorization: server message: "
        "insufficient_scope: authorization failed",
    )


@case("image-timeout")
def a_registry_that_does_not_answer() -> Snap:
    return snap().app(
        waiting="ErrImagePull",
        says='failed to do request: Head "https://registry.acme.example/v2/api/manifests/2": dial tcp '
        "10.9.0.1:443: i/o timeout",
    )


@case("image-timeout")
def a_registry_whose_name_does_not_resolve() -> Snap:
    return snap().app(
        waiting="ErrImagePull", says="dial tcp: lookup registry.acme.example on 10.96.0.10:53: no such host"
    )


@case("image-bad-name")
def a_name_no_image_can_have() -> Snap:
    says = 'Failed to apply default image tag "registry.acme.example/API:2": couldn\'t parse image name: repository '
    return snap().app(waiting="InvalidImageName", says=f"{says}name must be lowercase")


@case("image-rate-limited")
def a_registry_that_has_had_enough() -> Snap:
    said = (
        'Failed to pull image "docker.io/acme/api:2": failed to pull and unpack image: unexpected status code 429 Too '
        "Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit."
    )
    return snap().app(waiting="ErrImagePull", says="").event("Failed", said, container="app")


# ---------------------------------------------------------------- it is not created


@case("missing-configmap")
def a_configmap_that_is_not_there() -> Snap:
    return snap().app(waiting="CreateContainerConfigError", says='configmap "api-settings" not found')


@case("missing-secret")
def a_secret_that_is_not_there() -> Snap:
    return snap().app(waiting="CreateContainerConfigError", says='secret "api-db" not found')


@case("missing-key")
def a_key_that_is_not_in_its_secret() -> Snap:
    return snap().app(
        waiting="CreateContainerConfigError", says="couldn't find key PASSWORD in Secret shop/api-db"
    )


@case("missing-key")
def a_key_that_is_not_in_its_configmap() -> Snap:
    return snap().app(
        waiting="CreateContainerConfigError", says="couldn't find key url in ConfigMap shop/api-settings"
    )


@case("missing-configmap")
def a_volume_of_a_configmap_that_is_not_there() -> Snap:
    said = 'MountVolume.SetUp failed for volume "settings" : configmap "api-settings" not found'
    return snap().app(waiting="ContainerCreating").event("FailedMount", said)


@case("missing-secret")
def a_volume_of_a_secret_that_is_not_there() -> Snap:
    said = 'MountVolume.SetUp failed for volume "tls" : secret "api-tls" not found'
    return snap().app(waiting="ContainerCreating").event("FailedMount", said)


@case("missing-key")
def a_volume_that_wants_a_key_which_is_not_there() -> Snap:
    said = 'MountVolume.SetUp failed for volume "tls" : references non-existent secret key: tls.crt'
    return snap().app(waiting="ContainerCreating").event("FailedMount", said)


@case("container-cannot-start")
def a_program_that_is_not_in_the_image() -> Snap:
    says = (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        'unable to start container process: exec: "/app/server": stat /app/server: no such file or directory'
    )
    return (
        snap()
        .app(**{**CRASHES, "says": ""}, ended=("StartError", 128))
        .app(waiting="RunContainerError", says=says, ended=("StartError", 128), restarts=4)
    )


@case("container-cannot-start")
def a_container_name_that_is_taken() -> Snap:
    return snap().app(
        waiting="CreateContainerError", says="context deadline exceeded: name is reserved for app"
    )


@case("container-cannot-start")
def a_user_that_may_not_be_root() -> Snap:
    says = "container has runAsNonRoot and image will run as root"
    return snap().app(waiting="CreateContainerConfigError", says=says)


@case("missing-service-account")
def a_service_account_that_is_not_there() -> Snap:
    said = 'pods "api-7d9-" is forbidden: error looking up service account shop/api: serviceaccount "api" not found'
    return snap().pod(phase="Succeeded").says(ReplicaFailure=f"True FailedCreate: {said}")


@case("admission-refused")
def a_webhook_that_says_no() -> Snap:
    said = 'admission webhook "policy.acme.example" denied the request: images must be signed'
    return snap().pod(phase="Succeeded").says(ReplicaFailure=f"True FailedCreate: {said}")


@case("quota-exceeded")
def a_quota_that_is_used_up() -> Snap:
    said = (
        'pods "api-7d9-x" is forbidden: exceeded quota: team, requested: requests.cpu=500m, used: requests.cpu=4, '
        "limited: requests.cpu=4"
    )
    return snap().pod(phase="Succeeded").says(ReplicaFailure=f"True FailedCreate: {said}")


@case("quota-exceeded")
def a_quota_that_refuses_a_stateful_set() -> Snap:
    made = snap("StatefulSet", replicas=3)
    made.put(
        "StatefulSet",
        "api",
        spec=made.items["statefulset/api"].spec,
        status={"replicas": 1, "readyReplicas": 1},
    )
    said = 'create Pod api-1 in StatefulSet api failed error: pods "api-1" is forbidden: exceeded quota: team'
    return made.without("pod/api-2", "pod/api-3").event("FailedCreate", said, of="StatefulSet/api")


# ---------------------------------------------------------------- it finds no node


@case("unschedulable-resources")
def no_node_has_room() -> Snap:
    return snap().pending(
        "0/5 nodes are available: 5 Insufficient cpu. preemption: 0/5 nodes are available: 5 No preemption victims "
        "found for incoming pod."
    )


@case("unschedulable-resources")
def most_nodes_have_no_memory_left() -> Snap:
    return snap().pending(
        "0/5 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
        "4 Insufficient memory. preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling."
    )


@case("unschedulable-resources")
def every_node_is_full_of_pods() -> Snap:
    return snap().pending("0/3 nodes are available: 3 Too many pods.")


@case("unschedulable-selector")
def no_node_has_the_label() -> Snap:
    return snap().pending(
        "0/5 nodes are available: 5 node(s) didn't match Pod's node affinity/selector. preemption: 0/5 nodes are "
        "available: 5 Preemption is not helpful for scheduling.",
        spec={"nodeSelector": {"disk": "nvme"}},
    )


@case("unschedulable-taint")
def every_node_is_tainted() -> Snap:
    return snap().pending(
        "0/4 nodes are available: 1 Insufficient cpu, 3 node(s) had untolerated taint {dedicated: batch}."
    )


@case("unschedulable-taint")
def every_node_is_cordoned() -> Snap:
    return snap().pending("0/3 nodes are available: 3 node(s) were unschedulable.")


@case("unschedulable-affinity")
def its_own_rules_leave_no_node() -> Snap:
    return snap().pending("0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.")


@case("unschedulable-affinity")
def it_wants_to_be_spread_wider_than_there_are_zones() -> Snap:
    return snap().pending("0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints.")


@case("unschedulable-resources")
def its_workers_are_full_and_the_control_plane_takes_no_such_pod() -> Snap:
    return snap().pending(
        "0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint "
        "{node-role.kubernetes.io/control-plane: }. preemption: 0/5 nodes are available: 2 No preemption victims found "
        "for incoming pod, 3 Preemption is not helpful for scheduling."
    )


@case("unschedulable-volume")
def its_volume_is_in_another_zone() -> Snap:
    return snap().pending(
        "0/4 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 3 node(s) "
        "had volume node affinity conflict. preemption: 0/4 nodes are available: 4 Preemption is not helpful for "
        "scheduling."
    )


# ---------------------------------------------------------------- volumes


def _with_claim(made: Snap, *, storage_class: str = "fast") -> Snap:
    volumes = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-api"}}]}
    said = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    spec = {"storageClassName": storage_class}
    return made.pending(said, spec=volumes).put(
        "PersistentVolumeClaim", "data-api", spec=spec, status={"phase": "Pending"}
    )


@case("pvc-pending")
def a_volume_that_cannot_be_made() -> Snap:
    said = 'failed to provision volume with StorageClass "fast": rpc error: code = ResourceExhausted desc = quota'
    return _with_claim(snap().put("StorageClass", "fast")).event(
        "ProvisioningFailed", said, of="PersistentVolumeClaim/data-api"
    )


@case("pvc-pending")
def a_claim_that_nobody_serves() -> Snap:
    return _with_claim(snap().put("StorageClass", "fast"))


@case("storage-class-missing")
def a_storage_class_that_is_not_there() -> Snap:
    said = 'storageclass.storage.k8s.io "fast" not found'
    return _with_claim(snap()).event("ProvisioningFailed", said, of="PersistentVolumeClaim/data-api")


@case("storage-class-missing")
def a_storage_class_that_is_not_there_and_nobody_said_so() -> Snap:
    return _with_claim(snap().put("StorageClass", "slow"))


@case("pvc-pending")
def a_claim_that_is_not_there() -> Snap:
    return snap().pending('0/3 nodes are available: persistentvolumeclaim "data-api" not found.')


@case("volume-not-mounted")
def a_volume_that_another_node_still_holds() -> Snap:
    said = (
        'Multi-Attach error for volume "pvc-5d0e" Volume is already exclusively attached to one node and can\'t be '
        "attached to another"
    )
    return snap().app(waiting="ContainerCreating").event("FailedAttachVolume", said)


# ---------------------------------------------------------------- probes


@case("liveness-kills", "crash-loop")
def killed_before_its_port_is_open() -> Snap:
    said = 'Liveness probe failed: Get "http://10.1.0.5:8080/": dial tcp 10.1.0.5:8080: connect: connection refused'
    return (
        snap()
        .app(container=LIVE, ended=("Error", 137), restarts=5)
        .event("Unhealthy", said, container="app")
        .event("Killing", "Container app failed liveness probe, will be restarted", container="app")
        .log("loading models, this takes a minute", "loaded 3 of 9")
    )


@case("liveness-kills", "crash-loop")
def killed_because_it_hangs() -> Snap:
    said = "Liveness probe failed: HTTP probe failed with statuscode: 500"
    return (
        snap().app(container=LIVE, **CRASHES, ended=("Error", 143)).event("Unhealthy", said, container="app")
    )


@case("liveness-kills", "crash-loop")
def killed_by_its_startup_probe() -> Snap:
    said = "Startup probe failed: dial tcp 10.1.0.5:8080: connect: connection refused"
    return snap().app(ended=("Error", 137), restarts=3).event("Unhealthy", said, container="app")


@case("readiness-never-true")
def never_ready() -> Snap:
    said = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    return snap().app(container=READY).event("Unhealthy", said, container="app")


@case("readiness-never-true", besides=(*NO_ENDPOINTS, "rollout-stuck"))
def never_ready_and_the_rollout_is_late() -> Snap:
    said = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    made = snap().app(container=READY).event("Unhealthy", said, container="app")
    return made.says(
        Progressing='False ProgressDeadlineExceeded: ReplicaSet "api-7d9" has timed out progressing.'
    )


@case("rollout-stuck", besides=())
def a_rollout_that_is_late_and_nobody_knows_why() -> Snap:
    return snap().says(
        Progressing='False ProgressDeadlineExceeded: ReplicaSet "api-7d9" has timed out progressing.'
    )


@case("rollout-paused", besides=())
def a_rollout_that_somebody_paused_and_forgot() -> Snap:
    made = snap()
    own = made.items["deployment/api"]
    status = {
        **own.status,
        "updatedReplicas": 1,
        "conditions": listed({"Progressing": "Unknown DeploymentPaused: Deployment is paused"}),
    }
    return made.put("Deployment", "api", spec={**own.spec, "paused": True}, status=status)


# ---------------------------------------------------------------- traffic


@case("selector-matches-nothing", besides=())
def a_service_that_selects_a_label_nobody_has() -> Snap:
    return snap().service("api", selector={"app": "api-server"}, addresses=0)


@case("selector-matches-nothing", besides=())
def a_service_that_selects_one_label_too_many() -> Snap:
    return snap().service("web", selector={**LABELS, "tier": "web"}, addresses=0)


@case("service-without-endpoints", besides=())
def a_service_without_endpoints_though_its_pods_are_ready() -> Snap:
    return snap().endpoints("api", addresses=0)


@case("ingress-without-backend", besides=())
def an_ingress_to_a_service_of_another_name() -> Snap:
    return snap().ingress(to="api-service")


@case("ingress-class-missing", besides=())
def an_ingress_of_a_class_that_is_not_there() -> Snap:
    return snap().ingress(ingress_class="traefik")


@case("ingress-class-missing", besides=())
def an_ingress_without_class_where_none_is_the_default() -> Snap:
    return snap().ingress(ingress_class="")


# ---------------------------------------------------------------- jobs, autoscalers, budgets


def _finite(reason: str, message: str) -> Snap:
    made = snap("Job", replicas=0).without("service/api", "endpoints/api")
    return made.says(Failed=f"True {reason}: {message}")


@case("job-failed")
def finite_work_that_gave_up() -> Snap:
    return _finite("BackoffLimitExceeded", "Job has reached the specified backoff limit")


@case("job-deadline")
def finite_work_that_ran_too_long() -> Snap:
    return _finite("DeadlineExceeded", "Job was active longer than specified deadline")


@case("traceback", "job-failed")
def finite_work_that_gave_up_over_a_bug() -> Snap:
    made = _finite("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    made.app(terminated=True, ended=("Error", 1))
    return made.without("endpoints/api").log(
        "Traceback (most recent call last):",
        '  File "/app/report.py", line 12, in <module>',
        "    total = sum(row.amount for row in rows)",
        "AttributeError: 'tuple' object has no attribute 'amount'",
        previous=False,
    )


@case("hpa-without-metrics", besides=())
def an_autoscaler_without_metrics() -> Snap:
    said = listed(
        {
            "AbleToScale": "True SucceededGetScale: the HPA controller was able to get the target's current scale",
            "ScalingActive": "False FailedGetResourceMetric: the HPA was unable to compute the replica count: unable "
            "to get metrics for resource cpu: no metrics returned from resource metrics API",
        }
    )
    return snap().put("HorizontalPodAutoscaler", "api", spec=SCALES_API, status={"conditions": said})


@case("hpa-without-target", besides=())
def an_autoscaler_of_something_that_is_not_there() -> Snap:
    said = "False FailedGetScale: the HPA controller was unable to get the target's current scale: deployments.apps "
    told = listed({"AbleToScale": f'{said}"api-v1" not found'})
    return snap().put("HorizontalPodAutoscaler", "api", spec=SCALES_API, status={"conditions": told})


@case("budget-blocks", besides=())
def a_budget_that_holds_up_a_drain() -> Snap:
    budget = {"selector": {"matchLabels": LABELS}, "minAvailable": 2}
    status = {"disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 2, "expectedPods": 2}
    return snap().node("n1", unschedulable=True).put("PodDisruptionBudget", "api", spec=budget, status=status)


# ---------------------------------------------------------------- nodes


@case("node-not-ready", besides=(*NO_ENDPOINTS, "readiness-never-true"))
def a_node_that_is_away() -> Snap:
    return snap().node("n1", Ready="Unknown: Kubelet stopped posting node status.").app(ended=None)


@case("node-pressure", besides=())
def a_node_whose_disk_is_full() -> Snap:
    return snap().node("n1", DiskPressure="True: kubelet has disk pressure")


@case("evicted", "node-pressure")
def a_pod_thrown_out_for_lack_of_memory() -> Snap:
    said = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 60Mi."
    made = snap().node("n1", MemoryPressure="True: kubelet has insufficient memory available")
    return made.pod(phase="Failed", reason="Evicted", message=said)


@case("evicted")
def a_pod_that_filled_its_disk() -> Snap:
    said = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."
    return snap().pod(phase="Failed", reason="Evicted", message=said)


# ---------------------------------------------------------------- what the log says


@case("dns-failure", "crash-loop")
def a_name_that_does_not_resolve() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            "connecting to redis",
            'could not translate host name "redis.shop.svc" to address: Name or service not known',
        )
    )


@case("dns-failure", "crash-loop")
def a_name_that_go_cannot_resolve() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log("dial tcp: lookup payments.shop.svc.cluster.local on 10.96.0.10:53: no such host")
    )


@case("certificate-expired", "crash-loop")
def a_certificate_that_has_expired() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            'Get "https://payments.acme.example/": tls: failed to verify: x509: certificate has expired or is '
            "not yet valid: current time 2026-03-14T02:09:00Z is after 2026-03-13T00:00:00Z"
        )
    )


@case("certificate-unknown-authority", "crash-loop")
def a_certificate_of_an_unknown_authority() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log('Get "https://payments.acme.example/": x509: certificate signed by unknown authority')
    )


@case("certificate-unknown-authority", "readiness-never-true")
def an_untrusted_certificate_keeps_java_from_getting_ready() -> Snap:
    said = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    return (
        snap()
        .app(container=READY)
        .event("Unhealthy", said, container="app")
        .log(
            "javax.net.ssl.SSLHandshakeException: PKIX path building failed: unable to find valid certification path",
            previous=False,
        )
    )


@case("connection-refused", "crash-loop")
def a_database_that_refuses() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            "starting api 2.4.1",
            'connection to server at "db.shop.svc" (10.2.0.9), port 5432 failed: Connection refused',
        )
    )


@case("connection-timeout", "crash-loop")
def a_queue_that_does_not_answer() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log("dial tcp 10.40.0.12:5672: i/o timeout", "cannot reach the broker, giving up")
    )


@case("login-refused", "crash-loop")
def a_password_that_was_rotated() -> Snap:
    return (
        snap().app(**CRASHES, ended=("Error", 1)).log('FATAL:  password authentication failed for user "api"')
    )


@case("disk-full", "crash-loop")
def a_volume_without_room() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log("OSError: [Errno 28] No space left on device: '/data/wal/000041.log'")
    )


@case("connection-refused", "traceback", "crash-loop")
def a_refused_connection_that_ends_in_a_traceback() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            "Traceback (most recent call last):",
            '  File "/app/pool.py", line 7, in connect',
            "    sock.connect((host, port))",
            "ConnectionRefusedError: [Errno 111] Connection refused",
            "",
            "During handling of the above exception, another exception occurred:",
            "",
            "Traceback (most recent call last):",
            '  File "/app/main.py", line 3, in <module>',
            "    start()",
            "RuntimeError: cannot start",
        )
    )


@case("traceback", "crash-loop")
def a_python_traceback() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            "reading settings",
            "Traceback (most recent call last):",
            '  File "/app/main.py", line 3, in <module>',
            "    port = int(os.environ['PORT'])",
            "KeyError: 'PORT'",
            "see https://docs.acme.example for help",
        )
    )


@case("traceback", "crash-loop")
def a_go_panic() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 2))
        .log(
            "listening on :8080",
            "panic: runtime error: invalid memory address or nil pointer dereference",
            "goroutine 1 [running]:",
            "main.main()",
        )
    )


@case("traceback", "crash-loop")
def a_java_exception_with_a_deeper_cause() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            'Exception in thread "main" java.lang.IllegalStateException: cannot start',
            "    at com.acme.Main.main(Main.java:10)",
            "Caused by: java.lang.NullPointerException: settings.url is null",
            "    at com.acme.Settings.load(Settings.java:42)",
        )
    )


@case("traceback", "crash-loop")
def a_node_error() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            "TypeError: Cannot read properties of undefined (reading 'port')",
            "    at Object.<anonymous> (/app/index.js:3:22)",
            "    at Module._compile (node:internal/modules/cjs/loader:1256:14)",
        )
    )


# ---------------------------------------------------------------- two at once, and what cannot be known


@case("missing-secret", "selector-matches-nothing")
def a_missing_secret_and_a_service_that_selects_nothing() -> Snap:
    made = snap().app(waiting="CreateContainerConfigError", says='secret "api-db" not found')
    return made.service("web", selector={**LABELS, "tier": "web"}, addresses=0)


@case("oom-killed", "node-pressure")
def out_of_memory_on_a_node_that_is_short_of_it() -> Snap:
    made = snap().node("n1", MemoryPressure="True: kubelet has insufficient memory available")
    return made.app(**CRASHES, ended=("OOMKilled", 137))


@case("image-absent", "hpa-without-metrics")
def an_absent_image_and_an_autoscaler_without_metrics() -> Snap:
    said = listed(
        {"ScalingActive": "False FailedGetResourceMetric: no metrics returned from resource metrics API"}
    )
    made = snap().app(waiting="ErrImagePull", says="registry.acme.example/api:2: not found")
    return made.put("HorizontalPodAutoscaler", "api", spec=SCALES_API, status={"conditions": said})


@case("unschedulable-resources", "crash-loop")
def one_pod_crashes_and_another_finds_no_node() -> Snap:
    made = snap().app(**CRASHES, ended=("Error", 1))
    return made.pending("0/2 nodes are available: 2 Insufficient cpu.", name="api-2")


@case("dns-failure", "crash-loop", "ingress-class-missing")
def a_name_that_does_not_resolve_behind_an_ingress_nobody_serves() -> Snap:
    made = snap().app(**CRASHES, ended=("Error", 1)).log("getaddrinfo EAI_AGAIN redis")
    return made.ingress(ingress_class="traefik")


@case("not-there", besides=())
def a_workload_that_is_not_there() -> Snap:
    made = snap(replicas=0)
    return made.without("deployment/api", "service/api", "endpoints/api")


@case("crash-loop", besides=())
def a_crash_loop_where_most_may_not_be_read() -> Snap:
    made = snap().app(**CRASHES, ended=("Error", 1))
    for kind in ("Event", "Service", "Endpoints", "Ingress", "PersistentVolumeClaim", "Node"):
        made.unread(kind)
    return made


@case(besides=())
def nothing_could_be_read() -> Snap:
    made = snap()
    for kind in ("Deployment", "Pod", "Event", "Service", "Endpoints", "Node"):
        made.unread(kind)
    return made

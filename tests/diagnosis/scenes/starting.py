"""Pods that are not made or whose containers are not created."""

from __future__ import annotations

from tests.diagnosis.scenes.base import CRASHES, scene
from tests.diagnosis.snapshots import Snap, snap, templated


@scene("missing-configmap")
def a_configmap_that_is_not_there() -> Snap:
    return snap().app(waiting="CreateContainerConfigError", says='configmap "api-settings" not found')


@scene("missing-secret")
def a_secret_that_is_not_there() -> Snap:
    return snap().app(waiting="CreateContainerConfigError", says='secret "api-db" not found')


@scene("missing-key")
def a_key_that_is_not_in_its_secret() -> Snap:
    return snap().app(
        waiting="CreateContainerConfigError", says="couldn't find key PASSWORD in Secret shop/api-db"
    )


@scene("missing-key")
def a_key_that_is_not_in_its_configmap() -> Snap:
    return snap().app(
        waiting="CreateContainerConfigError", says="couldn't find key url in ConfigMap shop/api-settings"
    )


@scene("missing-configmap")
def a_volume_of_a_configmap_that_is_not_there() -> Snap:
    said = 'MountVolume.SetUp failed for volume "settings" : configmap "api-settings" not found'
    return snap().app(waiting="ContainerCreating").event("FailedMount", said)


@scene("missing-secret")
def a_volume_of_a_secret_that_is_not_there() -> Snap:
    said = 'MountVolume.SetUp failed for volume "tls" : secret "api-tls" not found'
    return snap().app(waiting="ContainerCreating").event("FailedMount", said)


@scene("missing-key")
def a_volume_that_wants_a_key_which_is_not_there() -> Snap:
    said = 'MountVolume.SetUp failed for volume "tls" : references non-existent secret key: tls.crt'
    return snap().app(waiting="ContainerCreating").event("FailedMount", said)


@scene("container-cannot-start")
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


@scene("container-cannot-start")
def a_container_name_that_is_taken() -> Snap:
    return snap().app(
        waiting="CreateContainerError", says="context deadline exceeded: name is reserved for app"
    )


@scene("container-cannot-start")
def a_user_that_may_not_be_root() -> Snap:
    says = "container has runAsNonRoot and image will run as root"
    return snap().app(waiting="CreateContainerConfigError", says=says)


@scene("missing-service-account")
def a_service_account_that_is_not_there() -> Snap:
    said = 'pods "api-7d9-" is forbidden: error looking up service account shop/api: serviceaccount "api" not found'
    return snap().nothing_made(ReplicaFailure=f"True FailedCreate: {said}")


@scene("admission-refused")
def a_webhook_that_says_no() -> Snap:
    said = 'admission webhook "policy.acme.example" denied the request: images must be signed'
    return snap().nothing_made(ReplicaFailure=f"True FailedCreate: {said}")


@scene("quota-exceeded")
def a_quota_that_is_used_up() -> Snap:
    said = (
        'pods "api-7d9-x" is forbidden: exceeded quota: team, requested: requests.cpu=500m, used: requests.cpu=4, '
        "limited: requests.cpu=4"
    )
    return snap().nothing_made(ReplicaFailure=f"True FailedCreate: {said}")


@scene("quota-exceeded")
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


@scene("container-cannot-start")
def a_node_that_cannot_give_a_pod_its_network() -> Snap:
    said = (
        'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "4f1c": '
        'plugin type="calico" failed (add): error getting ClusterInformation: connection is unauthorized'
    )
    return snap().app(waiting="ContainerCreating").event("FailedCreatePodSandBox", said)


@scene("container-cannot-start")
def a_hook_after_the_start_that_fails() -> Snap:
    says = 'Exec lifecycle hook ([/bin/warm-up]) for Container "app" in Pod "api-1" failed - exit status 1'
    return snap().app(waiting="PostStartHookError", says=says, ended=("Error", 137), restarts=3)


@scene("missing-configmap")
def a_configmap_that_the_template_names_and_nobody_has_made() -> Snap:
    made = snap().app(waiting="ContainerCreating")
    own = made.items["deployment/api"]
    source = {"name": "app", "envFrom": [{"configMapRef": {"name": "api-settings"}}]}
    return made.put(
        "Deployment", "api", spec=templated(own.spec, {"containers": [source]}), status=own.status
    )


@scene("missing-service-account")
def a_service_account_that_is_not_there_and_nobody_said_so() -> Snap:
    made = snap().nothing_made()
    own = made.items["deployment/api"]
    spec = templated(own.spec, {"containers": [{"name": "app"}], "serviceAccountName": "api"})
    return made.put("Deployment", "api", spec=spec, status=own.status)


@scene("quota-exceeded")
def a_quota_that_refuses_an_agent_its_pods() -> Snap:
    said = (
        'Error creating: pods "api-x2x4z" is forbidden: exceeded quota: team, requested: pods=1, used: pods=20, '
        "limited: pods=20"
    )
    made = snap("DaemonSet").nothing_made()
    own = made.items["daemonset/api"]
    made.put("DaemonSet", "api", spec=own.spec, status={"desiredNumberScheduled": 3, "numberReady": 0})
    return made.event("FailedCreate", said, of="DaemonSet/api")


@scene("admission-refused")
def a_pod_that_the_namespaces_security_does_not_let_in() -> Snap:
    said = (
        'pods "api-7d9-" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
        '(container "app" must set securityContext.allowPrivilegeEscalation=false)'
    )
    return snap().nothing_made(ReplicaFailure=f"True FailedCreate: {said}")

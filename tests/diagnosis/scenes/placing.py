"""Pods that find no node, and volumes that hold them up."""

from __future__ import annotations

from tests.diagnosis.scenes.base import scene
from tests.diagnosis.snapshots import Snap, snap


@scene("unschedulable-resources")
def no_node_has_room() -> Snap:
    return snap().pending(
        "0/5 nodes are available: 5 Insufficient cpu. preemption: 0/5 nodes are available: 5 No preemption victims "
        "found for incoming pod."
    )


@scene("unschedulable-resources")
def most_nodes_have_no_memory_left() -> Snap:
    return snap().pending(
        "0/5 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
        "4 Insufficient memory. preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling."
    )


@scene("unschedulable-resources")
def every_node_is_full_of_pods() -> Snap:
    return snap().pending("0/3 nodes are available: 3 Too many pods.")


@scene("unschedulable-selector")
def no_node_has_the_label() -> Snap:
    return snap().pending(
        "0/5 nodes are available: 5 node(s) didn't match Pod's node affinity/selector. preemption: 0/5 nodes are "
        "available: 5 Preemption is not helpful for scheduling.",
        spec={"nodeSelector": {"disk": "nvme"}},
    )


@scene("unschedulable-taint")
def every_node_is_tainted() -> Snap:
    return snap().pending(
        "0/4 nodes are available: 1 Insufficient cpu, 3 node(s) had untolerated taint {dedicated: batch}."
    )


@scene("unschedulable-taint")
def every_node_is_cordoned() -> Snap:
    return snap().pending("0/3 nodes are available: 3 node(s) were unschedulable.")


@scene("unschedulable-affinity")
def its_own_rules_leave_no_node() -> Snap:
    return snap().pending("0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.")


@scene("unschedulable-affinity")
def it_wants_to_be_spread_wider_than_there_are_zones() -> Snap:
    return snap().pending("0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints.")


@scene("unschedulable-resources")
def its_workers_are_full_and_the_control_plane_takes_no_such_pod() -> Snap:
    return snap().pending(
        "0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint "
        "{node-role.kubernetes.io/control-plane: }. preemption: 0/5 nodes are available: 2 No preemption victims found "
        "for incoming pod, 3 Preemption is not helpful for scheduling."
    )


@scene("unschedulable-volume")
def its_volume_is_in_another_zone() -> Snap:
    return snap().pending(
        "0/4 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 3 node(s) "
        "had volume node affinity conflict. preemption: 0/4 nodes are available: 4 Preemption is not helpful for "
        "scheduling."
    )


def _with_claim(made: Snap, *, storage_class: str = "fast") -> Snap:
    volumes = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-api"}}]}
    said = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    spec = {"storageClassName": storage_class}
    return made.pending(said, spec=volumes).put(
        "PersistentVolumeClaim", "data-api", spec=spec, status={"phase": "Pending"}
    )


@scene("pvc-pending")
def a_volume_that_cannot_be_made() -> Snap:
    said = 'failed to provision volume with StorageClass "fast": rpc error: code = ResourceExhausted desc = quota'
    return _with_claim(snap().put("StorageClass", "fast")).event(
        "ProvisioningFailed", said, of="PersistentVolumeClaim/data-api"
    )


@scene("pvc-pending")
def a_claim_that_nobody_serves() -> Snap:
    return _with_claim(snap().put("StorageClass", "fast"))


@scene("storage-class-missing")
def a_storage_class_that_is_not_there() -> Snap:
    said = 'storageclass.storage.k8s.io "fast" not found'
    return _with_claim(snap()).event("ProvisioningFailed", said, of="PersistentVolumeClaim/data-api")


@scene("storage-class-missing")
def a_storage_class_that_is_not_there_and_nobody_said_so() -> Snap:
    return _with_claim(snap().put("StorageClass", "slow"))


@scene("pvc-pending")
def a_claim_that_is_not_there() -> Snap:
    return snap().pending('0/3 nodes are available: persistentvolumeclaim "data-api" not found.')


@scene("volume-not-mounted")
def a_volume_that_another_node_still_holds() -> Snap:
    said = (
        'Multi-Attach error for volume "pvc-5d0e" Volume is already exclusively attached to one node and can\'t be '
        "attached to another"
    )
    return snap().app(waiting="ContainerCreating").event("FailedAttachVolume", said)


@scene("node-not-ready", "unschedulable-taint")
def half_of_the_nodes_are_away_and_the_rest_is_full() -> Snap:
    said = (
        "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint "
        "{node.kubernetes.io/unreachable: }. preemption: 0/3 nodes are available: 3 Preemption is not helpful for "
        "scheduling."
    )
    made = snap().pending(said).node("n2", Ready="Unknown: Kubelet stopped posting node status.")
    return made.node("n3", Ready="Unknown: Kubelet stopped posting node status.")


@scene("unschedulable-resources")
def nobody_has_the_graphics_card() -> Snap:
    return snap().pending(
        "0/7 nodes are available: 3 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
        "4 Insufficient nvidia.com/gpu. preemption: 0/7 nodes are available: 7 No preemption victims found."
    )


@scene("pvc-pending")
def a_claim_whose_volume_is_lost() -> Snap:
    volumes = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-api"}}]}
    made = snap().app(waiting="ContainerCreating", spec=volumes).put("StorageClass", "fast")
    spec = {"storageClassName": "fast", "volumeName": "pv-1"}
    return made.put("PersistentVolumeClaim", "data-api", spec=spec, status={"phase": "Lost"})


@scene("volume-not-mounted")
def a_volume_whose_server_does_not_answer() -> Snap:
    said = (
        'MountVolume.SetUp failed for volume "exports" : mount failed: exit status 32 Mounting command: mount Output: '
        "mount.nfs: Connection timed out"
    )
    return snap().app(waiting="ContainerCreating").event("FailedMount", said)

"""Nothing is wrong, though some of it looks so."""

from __future__ import annotations

from tests.diagnosis.scenes.base import SCALES_API, scene
from tests.diagnosis.snapshots import LABELS, YESTERDAY, Snap, listed, running, snap, status_of


@scene("healthy")
def healthy() -> Snap:
    return snap()


@scene("healthy")
def healthy_with_old_restarts() -> Snap:
    old = status_of("app", ready=True, restarts=3, ended=("OOMKilled", 137), ended_at=YESTERDAY)
    return snap()._pod("api-2", {"containerStatuses": [old]}, {})


@scene("healthy")
def healthy_though_an_old_pod_is_on_its_way_out() -> Snap:
    gone = {"labels": LABELS, "deletionTimestamp": YESTERDAY}
    return snap().put("Pod", "api-0", metadata=gone, spec={}, status={"phase": "Running"})


@scene("healthy")
def healthy_with_alarming_events_of_somebody_else() -> Snap:
    return snap().event("FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.", of="Pod/other-1")


@scene("healthy")
def healthy_and_scaled_to_nothing() -> Snap:
    return snap(replicas=0).endpoints("api", addresses=0).without("service/api", "endpoints/api")


@scene("healthy")
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


@scene("healthy")
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


@scene("healthy")
def healthy_though_a_pod_was_thrown_out_yesterday() -> Snap:
    said = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 60Mi."
    gone = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "TerminationByKubelet",
        "lastTransitionTime": YESTERDAY,
    }
    status = {"phase": "Failed", "reason": "Evicted", "message": said, "conditions": [gone]}
    return snap()._pod("api-0", status, {})


@scene("healthy")
def healthy_though_a_service_next_door_leads_nowhere() -> Snap:
    selector = {"app.kubernetes.io/part-of": "shop", "app": "reports"}
    return snap().service("reports", selector=selector, addresses=0)


@scene("healthy")
def healthy_behind_an_ingress_of_the_usual_class() -> Snap:
    return snap().ingress()


@scene("healthy")
def finite_work_that_is_done() -> Snap:
    made = (
        snap("Job", replicas=0)
        .without("service/api", "endpoints/api")
        .says(Complete="True CompletionsReached: ")
    )
    return made._pod(
        "api-1",
        {
            "phase": "Succeeded",
            "containerStatuses": [status_of("app", terminated=True, ended=("Completed", 0))],
        },
        {},
    )


@scene("healthy")
def healthy_with_a_sidecar_and_a_finished_init_container() -> Snap:
    done = status_of("migrate", ready=True, terminated=True, ended=("Completed", 0))
    status = {"initContainerStatuses": [done], "containerStatuses": [running("app"), running("proxy")]}
    return snap()._pod("api-2", status, {})

"""What controllers and nodes say."""

from __future__ import annotations

from tests.diagnosis.scenes.base import NO_ENDPOINTS, SCALES_API, scene
from tests.diagnosis.snapshots import LABELS, Snap, listed, snap


def _finite(reason: str, message: str) -> Snap:
    made = snap("Job", replicas=0).without("service/api", "endpoints/api")
    return made.says(Failed=f"True {reason}: {message}")


@scene("job-failed")
def finite_work_that_gave_up() -> Snap:
    return _finite("BackoffLimitExceeded", "Job has reached the specified backoff limit")


@scene("job-deadline")
def finite_work_that_ran_too_long() -> Snap:
    return _finite("DeadlineExceeded", "Job was active longer than specified deadline")


@scene("traceback", "job-failed")
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


@scene("hpa-without-metrics", besides=())
def an_autoscaler_without_metrics() -> Snap:
    said = listed(
        {
            "AbleToScale": "True SucceededGetScale: the HPA controller was able to get the target's current scale",
            "ScalingActive": "False FailedGetResourceMetric: the HPA was unable to compute the replica count: unable "
            "to get metrics for resource cpu: no metrics returned from resource metrics API",
        }
    )
    return snap().put("HorizontalPodAutoscaler", "api", spec=SCALES_API, status={"conditions": said})


@scene("hpa-without-target", besides=())
def an_autoscaler_of_something_that_is_not_there() -> Snap:
    said = "False FailedGetScale: the HPA controller was unable to get the target's current scale: deployments.apps "
    told = listed({"AbleToScale": f'{said}"api-v1" not found'})
    return snap().put("HorizontalPodAutoscaler", "api", spec=SCALES_API, status={"conditions": told})


@scene("budget-blocks", besides=())
def a_budget_that_holds_up_a_drain() -> Snap:
    budget = {"selector": {"matchLabels": LABELS}, "minAvailable": 2}
    status = {"disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 2, "expectedPods": 2}
    return snap().node("n1", unschedulable=True).put("PodDisruptionBudget", "api", spec=budget, status=status)


@scene("node-not-ready", besides=(*NO_ENDPOINTS, "readiness-never-true"))
def a_node_that_is_away() -> Snap:
    return snap().node("n1", Ready="Unknown: Kubelet stopped posting node status.").app(ended=None)


@scene("node-pressure", besides=())
def a_node_whose_disk_is_full() -> Snap:
    return snap().node("n1", DiskPressure="True: kubelet has disk pressure")


@scene("evicted", "node-pressure")
def a_pod_thrown_out_for_lack_of_memory() -> Snap:
    said = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 60Mi."
    made = snap().node("n1", MemoryPressure="True: kubelet has insufficient memory available")
    return made.pod(phase="Failed", reason="Evicted", message=said)


@scene("evicted")
def a_pod_that_filled_its_disk() -> Snap:
    said = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."
    return snap().pod(phase="Failed", reason="Evicted", message=said)


@scene("budget-blocks", besides=())
def a_budget_that_an_autoscaler_of_nodes_runs_into() -> Snap:
    budget = {"selector": {"matchLabels": LABELS}, "minAvailable": 2}
    status = {"disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 2, "expectedPods": 2}
    made = snap().put("PodDisruptionBudget", "api", spec=budget, status=status)
    return made.event(
        "EvictionBlocked", "Cannot evict pod as it would violate the pod's disruption budget.", of="Pod/api-1"
    )


@scene("node-pressure", besides=())
def an_agent_on_a_node_without_process_ids() -> Snap:
    made = snap("DaemonSet", replicas=1)
    own = made.items["daemonset/api"]
    made.put("DaemonSet", "api", spec=own.spec, status={"desiredNumberScheduled": 1, "numberReady": 1})
    return made.node("n1", PIDPressure="True: kubelet has insufficient PID available")


@scene("job-failed")
def finite_work_whose_pods_are_gone_by_now() -> Snap:
    return _finite(
        "PodFailurePolicy", "Container app for pod shop/api-x failed with exit code 42 matching FailJob rule"
    )

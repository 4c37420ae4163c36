"""What happens on nodes: pods are placed, start, get ready or never do, and stop; a cordoned node gets its taint."""

from __future__ import annotations

from bot.sandbox.cluster.controllers.turn import Turn
from bot.sandbox.cluster.disruption import is_going, is_ready
from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.world import Place, World, changed, condition, owner_of, place_of, stamp

CORDON_TAINT = "node.kubernetes.io/unschedulable"


def reconcile_node(turn: Turn, node: Json) -> None:
    """The taint follows `spec.unschedulable`, as the node lifecycle controller has it."""
    taints = [one for one in node["spec"].get("taints") or () if one["key"] != CORDON_TAINT]
    if node["spec"].get("unschedulable"):
        before = next(
            (one for one in node["spec"].get("taints") or () if one["key"] == CORDON_TAINT),
            {"key": CORDON_TAINT, "effect": "NoSchedule", "timeAdded": stamp(turn.now)},
        )
        taints.append(before)
    spec = {key: value for key, value in node["spec"].items() if key != "taints"}
    turn.world.store("nodes", {**node, "spec": {**spec, "taints": taints} if taints else spec})


def workload_of(world: World, pod: Json) -> Place:
    """Whose pod it is, by name: its Deployment rather than its ReplicaSet; its own name when it is nobody's."""
    namespace, name = place_of(pod)
    owner = owner_of(pod)
    if owner is None:
        return namespace, name
    if owner["kind"] == "ReplicaSet":
        above = world.find("replicasets", (namespace, owner["name"]))
        if above is not None:
            owner = owner_of(above) or owner
    return namespace, str(owner["name"])


def is_ready_node(node: Json) -> bool:
    """It reports as ready; one without conditions counts."""
    conditions = node.get("status", {}).get("conditions") or ()
    return all(one["status"] == "True" for one in conditions if one["type"] == "Ready")


def fits(pod_spec: Json, node: Json) -> bool:
    """The node's labels are those that the pod asks for."""
    wanted = pod_spec.get("nodeSelector") or {}
    return bool(wanted.items() <= (node["metadata"].get("labels") or {}).items())


def reconcile_pod(turn: Turn, pod: Json) -> None:
    """One step in the life of a pod."""
    if is_going(pod):
        _stop(turn, pod)
    elif pod["status"].get("phase") in ("Succeeded", "Failed"):
        return
    elif not pod["spec"].get("nodeName"):
        _place_on_a_node(turn, pod)
    else:
        _start(turn, pod)


def _stop(turn: Turn, pod: Json) -> None:
    grace = pod["metadata"].get("deletionGracePeriodSeconds", 0)
    stopping = (pod["metadata"]["uid"], "stopping")
    if stopping not in turn.moments:
        turn.events.tell(pod, "Killing", "Stopping container", kind="Pod")
        turn.moments[stopping] = turn.now
    at = turn.moments[stopping] + min(turn.pace.stop_after_s, grace)
    if at <= turn.now:
        turn.world.erase("pods", place_of(pod))
    else:
        turn.agenda.add_at(at, "pods", place_of(pod))


def _place_on_a_node(turn: Turn, pod: Json) -> None:
    nodes = [
        node
        for node in turn.world.all("nodes")
        if not node["spec"].get("unschedulable") and is_ready_node(node) and fits(pod["spec"], node)
    ]
    load = {node["metadata"]["name"]: turn.world.load_of(node["metadata"]["name"]) for node in nodes}
    open_ones = [
        node for node in nodes if load[node["metadata"]["name"]] < int(node["status"]["allocatable"]["pods"])
    ]
    if not open_ones:
        _say_unschedulable(turn, pod, len(turn.world.all("nodes")))
        return
    chosen = min(open_ones, key=lambda node: (load[node["metadata"]["name"]], node["metadata"]["name"]))
    name = chosen["metadata"]["name"]
    turn.events.tell(
        pod,
        "Scheduled",
        f"Successfully assigned {'/'.join(place_of(pod))} to {name}",
        kind="Pod",
    )
    turn.world.store("pods", changed(pod, spec={"nodeName": name}))


def _say_unschedulable(turn: Turn, pod: Json, count: int) -> None:
    message = f"0/{count} nodes are available: {count} node(s) were unschedulable or full."
    placed = condition(
        "PodScheduled",
        is_true=False,
        reason="Unschedulable",
        message=message,
        at=turn.now,
        before=pod["status"].get("conditions") or (),
    )
    turn.events.tell(pod, "FailedScheduling", message, kind="Pod", is_warning=True)
    turn.world.set_status(
        "pods", place_of(pod), {**pod["status"], "phase": "Pending", "conditions": [placed]}
    )


def _start(turn: Turn, pod: Json) -> None:
    """A pod that is ready stays so; what never gets ready runs all the same."""
    if is_ready(pod):
        return
    images = {container["image"] for container in pod["spec"]["containers"]}
    workload = workload_of(turn.world, pod)
    after = turn.pace.ready_after(workload, images)
    uid = pod["metadata"]["uid"]
    if (uid, "placed") not in turn.moments:
        turn.moments[uid, "placed"] = turn.pace.begins(workload, turn.now)
    placed = turn.moments[uid, "placed"]
    if after is None:
        status = _status(turn, pod, phase="Running", is_up=False)
    elif placed + after <= turn.now:
        turn.moments[uid, "ready"] = turn.now
        status = _status(turn, pod, phase="Running", is_up=True)
    else:
        turn.agenda.add_at(placed + after, "pods", place_of(pod))
        status = _status(turn, pod, phase=pod["status"].get("phase", "Pending"), is_up=False)
    turn.world.set_status("pods", place_of(pod), status)


def _conditions(turn: Turn, pod: Json, *, is_up: bool) -> list[Json]:
    before = pod["status"].get("conditions") or ()
    truths = {"PodScheduled": True, "Initialized": True, "ContainersReady": is_up, "Ready": is_up}
    made = []
    for kind, is_true in truths.items():
        one = condition(
            kind, is_true=is_true, reason="ContainersNotReady", message="", at=turn.now, before=before
        )
        if is_true:
            one = {key: value for key, value in one.items() if key not in ("reason", "message")}
        made.append({"lastProbeTime": None, **one})
    return made


def _container_status(turn: Turn, pod: Json, container: Json, *, is_up: bool, is_running: bool) -> Json:
    known = {one["name"]: one for one in pod["status"].get("containerStatuses") or ()}
    before = known.get(container["name"], {})
    running = before.get("state", {}).get("running") or {"startedAt": stamp(turn.now)}
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": f"standin://{container['image']}",
        "ready": is_up,
        "started": is_running,
        "restartCount": before.get("restartCount", 0),
        "lastState": before.get("lastState", {}),
        "state": {"running": running} if is_running else {"waiting": {"reason": "ContainerCreating"}},
    }


def _status(turn: Turn, pod: Json, *, phase: str, is_up: bool) -> Json:
    is_running = phase == "Running"
    statuses = [
        _container_status(turn, pod, container, is_up=is_up, is_running=is_running)
        for container in pod["spec"]["containers"]
    ]
    addresses: Json = {}
    if is_running:
        number = int(pod["metadata"]["uid"][:4], 16)
        address = pod["status"].get("podIP") or f"10.244.{number >> 8}.{number & 255}"
        addresses = {"podIP": address, "podIPs": [{"ip": address}], "hostIP": "10.0.0.1"}
    return {
        **pod["status"],
        "phase": phase,
        "conditions": _conditions(turn, pod, is_up=is_up),
        "containerStatuses": statuses,
        "startTime": pod["status"].get("startTime", stamp(turn.now)),
        **addresses,
    }

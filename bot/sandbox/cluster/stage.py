"""A cluster without its network: furnished, driven and looked at by tests, stories and the demo."""

from __future__ import annotations

from bot.sandbox.clock import Clock
from bot.sandbox.cluster import defaults, manifests
from bot.sandbox.cluster.controllers.control import Control
from bot.sandbox.cluster.controllers.nodes import workload_of
from bot.sandbox.cluster.controllers.turn import Pace
from bot.sandbox.cluster.disruption import is_going, is_ready
from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.logs import Logs
from bot.sandbox.cluster.snapshots import snapshot
from bot.sandbox.cluster.world import World, changed, place_of, stamp


class Stage:
    """The world, the controllers that move it, and what its containers print."""

    def __init__(self, *, clock: Clock, pace: Pace) -> None:
        self.world = World(clock.now)
        self.pace = pace
        self.logs = Logs()
        self.control = Control(self.world, pace)
        for name in ("default", "kube-system", "kube-node-lease"):
            self.namespace(name)

    # furnishing: each gives the object; again under the same name it changes the spec, as an apply does

    def apply(self, plural: str, body: Json) -> Json:
        """Put an object there, or its spec in place of the one that is; its namespace comes with it."""
        namespace = body["metadata"].get("namespace", "")
        if namespace:
            self.namespace(namespace)
        body = defaults.filled_in(plural, body)
        old = self.world.find(plural, place_of(body))
        if old is None:
            return self.world.insert(plural, body)
        return self.world.store(plural, changed(old, spec=body["spec"]), counts=True)

    def namespace(self, name: str) -> Json:
        """A namespace, once."""
        known = self.world.find("namespaces", ("", name))
        return known or self.world.insert(
            "namespaces", defaults.filled_in("namespaces", manifests.namespace(name))
        )

    def node(self, name: str, *, most_pods: int = 1_000) -> Json:
        """A node that is ready and takes this many pods; one that is there stays as it is."""
        known = self.world.find("nodes", ("", name))
        return known or self.apply("nodes", manifests.node(name, most_pods=most_pods))

    def deployment(
        self,
        namespace: str,
        name: str,
        *,
        replicas: int = 1,
        image: str = "",
        template: Json | None = None,
        spec: Json | None = None,
    ) -> Json:
        """Labelled `app: NAME`, of image `NAME:1` unless told; `spec` adds to the spec. Another template rolls out."""
        body = manifests.workload(
            "deployments",
            namespace,
            name,
            template=template or manifests.pod_template(name, image=image or f"{name}:1"),
            replicas=replicas,
            spec=spec,
        )
        return self.apply("deployments", body)

    def stateful_set(
        self,
        namespace: str,
        name: str,
        *,
        replicas: int = 1,
        image: str = "",
        template: Json | None = None,
        spec: Json | None = None,
    ) -> Json:
        """The same for a StatefulSet."""
        body = manifests.workload(
            "statefulsets",
            namespace,
            name,
            template=template or manifests.pod_template(name, image=image or f"{name}:1"),
            replicas=replicas,
            spec=spec,
        )
        return self.apply("statefulsets", body)

    def daemon_set(
        self,
        namespace: str,
        name: str,
        *,
        image: str = "",
        template: Json | None = None,
        spec: Json | None = None,
    ) -> Json:
        """The same for a DaemonSet, which has a pod on every node."""
        body = manifests.workload(
            "daemonsets",
            namespace,
            name,
            template=template or manifests.pod_template(name, image=image or f"{name}:1"),
            replicas=None,
            spec=spec,
        )
        return self.apply("daemonsets", body)

    def pod(
        self,
        namespace: str,
        name: str,
        *,
        node: str = "",
        image: str = "",
        is_mirror: bool = False,
        has_emptydir: bool = False,
    ) -> Json:
        """A pod that nobody recreates."""
        body = manifests.pod(
            namespace,
            name,
            image=image or f"{name}:1",
            node=node,
            is_mirror=is_mirror,
            has_emptydir=has_emptydir,
        )
        return self.apply("pods", body)

    def budget(
        self,
        namespace: str,
        name: str,
        *,
        app: str = "",
        min_available: int | str | None = None,
        max_unavailable: int | str | None = None,
    ) -> Json:
        """A PodDisruptionBudget for the pods labelled `app: APP` (its own name unless told)."""
        spec: Json = {} if min_available is None else {"minAvailable": min_available}
        if max_unavailable is not None:
            spec["maxUnavailable"] = max_unavailable
        return self.apply(
            "poddisruptionbudgets", manifests.budget(namespace, name, app=app or name, spec=spec)
        )

    def quota(self, namespace: str, name: str = "quota", *, hard: dict[str, str]) -> Json:
        """A ResourceQuota, such as `hard={"pods": "4"}`."""
        return self.apply("resourcequotas", manifests.quota(namespace, name, hard=hard))

    def autoscaler(
        self, namespace: str, name: str, *, least: int, most: int, kind: str = "Deployment"
    ) -> Json:
        """A HorizontalPodAutoscaler named after its workload. It is only told of: nothing moves by it here."""
        target: Json = {"kind": kind, "name": name}
        body = manifests.autoscaler(namespace, name, target=target, least=least, most=most)
        return self.apply("horizontalpodautoscalers", body)

    # driving

    def never_ready(self, namespace: str, name: str, *, image: str | None = None) -> None:
        """Pods of this workload that start from now on run and never get ready; only those of `image` if named."""
        self.pace.never_ready[namespace, name] = image

    def gets_ready(self, namespace: str, name: str, *, after_s: float | None = None) -> None:
        """They do again, those that wait too; `after_s` sets this workload's own time from node to ready."""
        self.pace.never_ready.pop((namespace, name), None)
        if after_s is not None:
            self.pace.ready_after_of[namespace, name] = after_s
        for pod in self.pods(namespace, of=name):
            self.control.look_at("pods", place_of(pod))

    def write_log(self, namespace: str, pod: str, *lines: str, container: str = "") -> None:
        """The container (the first unless named) prints these lines."""
        body = self.world.get("pods", (namespace, pod))
        named = container or body["spec"]["containers"][0]["name"]
        self.logs.write(body["metadata"]["uid"], named, *lines, at=self.world.now())

    def crash(self, namespace: str, pod: str, *, exit_code: int = 1, reason: str = "Error") -> None:
        """Every container of a pod ends and is started again; what it printed is now from before."""
        body = self.world.get("pods", (namespace, pod))
        uid = body["metadata"]["uid"]
        now = stamp(self.world.now())
        ended = {"exitCode": exit_code, "reason": reason, "finishedAt": now, "startedAt": now}
        statuses = []
        for one in body["status"].get("containerStatuses") or ():
            self.logs.restart(uid, one["name"])
            again = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": ended}}
            counted = {"restartCount": one["restartCount"] + 1, "ready": False, "started": False}
            statuses.append({**one, **again, **counted})
        conditions = [
            {**one, "status": "False"} if one["type"] in ("Ready", "ContainersReady") else one
            for one in body["status"].get("conditions") or ()
        ]
        status = {**body["status"], "containerStatuses": statuses, "conditions": conditions}
        self.control.forget_started(uid)
        self.world.set_status("pods", place_of(body), status)

    # looking

    def get(self, plural: str, namespace: str, name: str) -> Json:
        """An object as it is now; the namespace of a node is empty. Raises Refusal (404)."""
        return self.world.get(plural, (namespace, name))

    def pods(self, namespace: str = "", *, of: str = "", node: str = "") -> list[Json]:
        """Pods by name: of a namespace, of a workload (by its name), of a node."""
        found = [
            pod
            for pod in self.world.all("pods", namespace)
            if (not of or workload_of(self.world, pod)[1] == of)
            and (not node or pod["spec"].get("nodeName") == node)
        ]
        return sorted(found, key=place_of)

    def ready(self, namespace: str, name: str) -> int:
        """How many pods of a workload are ready and not stopping."""
        return sum(is_ready(pod) and not is_going(pod) for pod in self.pods(namespace, of=name))

    def snapshot(self) -> Json:
        """Plain data, equal for worlds that people would call the same; see `snapshots`."""
        return snapshot(self.world)

"""`payment-api`, a service in a stand-in cluster: what its pods can bear, what customers get of it, how it breaks.

How busy it is follows from the load and from how many of its pods are ready at this moment, and how long a checkout
takes follows from that. So it heals only by what really happens in the cluster: more pods, or a release that starts.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.server import Cluster
from bot.sandbox.cluster.world import Change
from bot.sandbox.demo.payments import SLOW_CPU, Answer

CONTEXT, NAMESPACE, NAME = "demo", "payments", "payment-api"
RELEASES = ("2.3.0", "2.4.0")
BAD_RELEASE = "2.5.0"
"""Its pods run, and never get ready."""
BAD_LOG = (
    "payment-api 2.5.0 starting",
    "config: ledger is at ledger-v2.payments.svc",
    "not ready: dial tcp: lookup ledger-v2.payments.svc on 10.96.0.10:53: no such host",
)
"""What they say: the release asks for a name that nobody has."""
USUAL_PODS = 3
USUAL_LOAD = 165
"""Per cent of one pod's time."""
SURGE_LOAD = 275
"""Too much for three pods, though they bear it slowly; five have time to spare."""
BORNE_CPU = 100
STRATEGY = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "75%"}}
"""In a hurry, as the worst rollouts are: most pods of the old release go before the new one has shown anything."""


class PaymentApi:
    """The cluster and the one deployment in it. `ready_after_s` is how long a pod takes to get ready."""

    def __init__(self, *, ready_after_s: float = 2.0, relapses: bool = False) -> None:
        """With `relapses` every pod that is asked for draws as much load as it could bear: nothing here heals it."""
        self.cluster = Cluster(is_tls=True)
        self._ready_after_s = ready_after_s
        self._relapses = relapses
        self._load = USUAL_LOAD

    async def start(self, *, kubeconfig: Path) -> None:
        """The cluster listens, and the deployment is at its second release; `kubeconfig` leads there."""
        await self.cluster.start()
        self.cluster.quota(NAMESPACE, hard={"pods": "12"})
        for release in RELEASES:
            self._deploy(release, replicas=USUAL_PODS)
            await self.cluster.settled()
        self.cluster.write_kubeconfig(kubeconfig, CONTEXT, namespace=NAMESPACE)
        pace = self.cluster.pace
        pace.ready_after_s = self._ready_after_s
        pace.stop_after_s = self._ready_after_s / 2
        pace.apart_s = self._ready_after_s / 2
        self.cluster.never_ready(NAMESPACE, NAME, image=_image(BAD_RELEASE))
        self.cluster.world.listen(self._complains)

    async def stop(self) -> None:
        """Close the cluster; harmless when it never started."""
        await self.cluster.stop()

    # what customers see

    async def check_out(self) -> Answer:
        """One checkout: 200, slowly where the pods are busy, or 503 where they cannot bear it."""
        health, cpu = self.health(), self.cpu
        if not self._ready or cpu > BORNE_CPU:
            return health
        # The busier the pods, the longer a checkout waits.
        await asyncio.sleep(cpu / 100 * 0.4 if cpu > SLOW_CPU else 0.002)
        return Answer(status=200, words=f"checked out by one of {self._ready} pods")

    def health(self) -> Answer:
        """Whether there is room for more than what is asked of it now."""
        if not self._ready:
            return Answer(status=503, words="no pod is ready")
        if self.cpu > SLOW_CPU:
            return Answer(
                status=503,
                words=f"{self._ready} of {self.wanted} pods are ready, and {self.cpu} % of their time is asked for",
            )
        return Answer(status=200, words="ok")

    @property
    def cpu(self) -> int:
        """Per cent of the ready pods' time that the load asks for; above 100 they do not get it done."""
        load = self.wanted * SURGE_LOAD // USUAL_PODS if self._is_relapsing else self._load
        return load // max(1, self._ready)

    @property
    def wanted(self) -> int:
        """How many pods are asked for."""
        return int(self._deployment["spec"]["replicas"])

    @property
    def release(self) -> str:
        """Which release is asked for."""
        image = self._deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        return str(image).partition(":")[2]

    @property
    def is_surging(self) -> bool:
        """Whether the load is unusual."""
        return self._load != USUAL_LOAD

    @property
    def _is_relapsing(self) -> bool:
        return self._relapses and self.is_surging

    @property
    def _ready(self) -> int:
        return self.cluster.ready(NAMESPACE, NAME)

    @property
    def _deployment(self) -> Json:
        return self.cluster.get("deployments", NAMESPACE, NAME)

    # what breaks it

    def surge(self) -> None:
        """Far more checkouts than usual; more pods are what helps."""
        self._load = SURGE_LOAD

    def deploy_badly(self) -> None:
        """A new release whose pods never get ready, rolled out over most of the old ones."""
        self._deploy(BAD_RELEASE, replicas=self.wanted)

    def report(self) -> str:
        """Its state, for people."""
        health = self.health()
        return "\n".join(
            (
                f"payment-api  {self.release} (prod), {'healthy' if health.is_good else f'BUSY: {health.words}'}",
                f"pods         {self._ready} of {self.wanted} ready",
                f"cpu          {self.cpu} %",
            )
        )

    def _complains(self, change: Change) -> None:
        """A pod of the bad release says why it does not get ready, as soon as it is there."""
        if change.plural != "pods" or change.type != "ADDED":
            return
        if change.new.body["spec"]["containers"][0]["image"] == _image(BAD_RELEASE):
            self.cluster.write_log(NAMESPACE, change.place[1], *BAD_LOG)

    def _deploy(self, release: str, *, replicas: int) -> None:
        self.cluster.deployment(
            NAMESPACE, NAME, replicas=replicas, image=_image(release), spec={"strategy": STRATEGY}
        )


def _image(release: str) -> str:
    return f"{NAME}:{release}"

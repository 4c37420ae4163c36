"""The clusters this process can reach: one connection each, opened at its first request, one request rate each."""

from __future__ import annotations

from bot.catalog.schema import Cluster
from bot.clients.kubernetes.connection import Connection
from bot.clients.kubernetes.pace import Pace
from bot.clients.kubernetes.reader import ClusterReader
from bot.clients.kubernetes.writer import ClusterWriter

REQUESTS_PER_S, BURST = 50.0, 300
"""What one kubectl allows itself, here for everything this process does with a cluster; settings say otherwise."""


class Clusters:
    """Readers and writers for clusters of the catalog. Make one per process; nothing is opened by that.

    `kubeconfig` is a path, or several as KUBECONFIG names them; empty means the cluster the bot runs in.
    """

    def __init__(
        self,
        *,
        kubeconfig: str = "",
        requests_per_s: float = REQUESTS_PER_S,
        burst: int = BURST,
        request_timeout_s: float = 10.0,
    ) -> None:
        self._kubeconfig = kubeconfig
        self._requests_per_s = requests_per_s
        self._burst = burst
        self._request_timeout_s = request_timeout_s
        self._connections: dict[tuple[str, str], Connection] = {}

    def reader(self, cluster: Cluster) -> ClusterReader:
        """What can be read of it."""
        return ClusterReader(self._connection(cluster))

    def writer(self, cluster: Cluster) -> ClusterWriter:
        """What can be changed in it."""
        return ClusterWriter(self._connection(cluster))

    async def aclose(self) -> None:
        """Close every connection; a request under way loses its answer."""
        connections, self._connections = list(self._connections.values()), {}
        for connection in connections:
            await connection.aclose()

    def _connection(self, cluster: Cluster) -> Connection:
        key = (cluster.name, cluster.context)
        if key not in self._connections:
            self._connections[key] = Connection(
                cluster.name,
                context=cluster.context,
                kubeconfig=self._kubeconfig,
                pace=Pace(requests_per_s=self._requests_per_s, burst=self._burst),
                request_timeout_s=self._request_timeout_s,
            )
        return self._connections[key]

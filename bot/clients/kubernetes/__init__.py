"""Kubernetes clusters over their HTTP API: one place to reach them, a reader that cannot write, a writer.

`Clusters` hands out `ClusterReader` and `ClusterWriter` for a cluster of the catalog; both go through the
cluster's one `Connection`, which keeps to the configured request rate. Only `login` imports the `kubernetes`
package, at the first request: it costs two seconds and 200 MB.
"""

from bot.clients.kubernetes.clusters import Clusters
from bot.clients.kubernetes.connection import Answer
from bot.clients.kubernetes.reader import ClusterReader, Listed, State
from bot.clients.kubernetes.writer import ClusterWriter

__all__ = ["Answer", "ClusterReader", "ClusterWriter", "Clusters", "Listed", "State"]

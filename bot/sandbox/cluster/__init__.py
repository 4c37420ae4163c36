"""A stand-in Kubernetes cluster on loopback: enough of the real API for kubectl and the official client to act on it.

    async with Cluster() as cluster:
        cluster.deployment("payments", "api", replicas=3)
        await cluster.settled()
        cluster.write_kubeconfig(path)          # kubectl --kubeconfig PATH scale deployment/api --replicas=5

Pure: `world` (what exists), `verbs` (what a request does to it), `controllers` (what it then does to itself, step by
step), and what these are made of. At the edge: `http` (one request), `watching` (one watch), `server` (all of it).
What lives here knows Kubernetes' rules and nothing of incidents, runs or runbooks.

Not imitated: protobuf and CBOR bodies, server-side apply, exec and port-forward, CPU and memory as a scheduler sees
them, custom resources, webhooks, OpenAPI beyond an empty document.
"""

"""How a cluster is logged into: a context of the kubeconfig, or the account of the pod the bot runs in.

The only module that imports the `kubernetes` package, and only once a cluster is really asked for. What a
kubeconfig says wrong is told without its content: it holds keys.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from pathlib import Path
from typing import Any

from bot.errors import ActionFailed

POD_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


async def log_in(name: str, *, context: str, kubeconfig: str) -> Any:
    """A ready `kubernetes.aio.client.ApiClient` for a cluster of the catalog; its default configuration is not touched.

    Without a kubeconfig it is the cluster the bot runs in. With one it is the context, which defaults to the
    cluster's own name and never to the file's `current-context`: that one follows whoever typed last. Only where
    the file has no such context and none was asked for is it, in a pod, the cluster the bot runs in.
    Raises ActionFailed (effect none) with what to set up.
    """
    await asyncio.to_thread(import_module, "kubernetes.aio")
    from kubernetes.aio import client, config  # noqa: PLC0415 - two seconds that only a first request should pay

    if not kubeconfig and context:
        raise ActionFailed(
            f"cluster {name!r} is reached by context {context!r}, but there is no kubeconfig; nothing was sent",
            hint="set KUBECONFIG, or take context: out of catalog.yaml to mean the cluster the bot runs in",
        )
    if not kubeconfig:
        return _in_pod(name, client, config)
    library: Any = config.kube_config
    unreadable = (config.ConfigException, library.yaml.YAMLError, OSError, ValueError, LookupError)
    try:
        from_file: Any = config.new_client_from_config
        return await from_file(config_file=kubeconfig, context=context or name, persist_config=False)
    except (*unreadable, TypeError, AttributeError) as error:
        if not context and await asyncio.to_thread(POD_TOKEN.exists):
            return _in_pod(name, client, config)
        # The library's words quote the file, and the file holds keys: neither they nor the cause go any further.
        raise ActionFailed(
            f"the kubeconfig has no usable context {context or name!r} for cluster {name!r}"
            f" ({type(error).__name__}); nothing was sent",
            hint="compare `kubectl config get-contexts` with context: of that cluster in catalog.yaml",
        ) from None


def _in_pod(name: str, client: Any, config: Any) -> Any:
    made = type.__call__(client.Configuration)
    try:
        config.load_incluster_config(client_configuration=made)
    except config.ConfigException as error:
        raise ActionFailed(
            f"cluster {name!r} is the one the bot runs in, but the bot runs in none; nothing was sent",
            hint="run it in a pod with a service account, or set KUBECONFIG and a context: in catalog.yaml",
        ) from error
    return client.ApiClient(configuration=made)

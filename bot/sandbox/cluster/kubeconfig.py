"""The file that tells kubectl and the official client where a cluster is. JSON, which is YAML too."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from bot.sandbox.cluster.kinds import Json


def text(url: str, *, context: str, token: str, authority: bytes, namespace: str = "default") -> str:
    """A kubeconfig with one context that is the current one; `authority` is PEM, empty without TLS."""
    cluster: Json = {"server": url}
    if authority:
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": context, "user": {"token": token}}],
        "contexts": [
            {"name": context, "context": {"cluster": context, "user": context, "namespace": namespace}}
        ],
        "preferences": {},
    }
    return json.dumps(config, indent=2) + "\n"


def write(path: Path, content: str) -> None:
    """Readable by its owner alone, as it holds a token."""
    path.touch(mode=0o600)
    path.write_text(content)

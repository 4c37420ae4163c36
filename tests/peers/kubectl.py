"""Real kubectl against the stand-in cluster: every one that is installed here, each with a home of its own.

Versions beside the one on the PATH are taken from KUBECTLS, a list of paths like PATH itself.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.sandbox.cluster.server import Cluster
from tests.fakes.patience import PATIENCE_S


def binaries() -> list[str]:
    """Every kubectl to try; none is an empty list."""
    named = [one for one in os.environ.get("KUBECTLS", "").split(os.pathsep) if one]
    found = [shutil.which(one) for one in ("kubectl", *named)]
    return [one for one in found if one]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Kubectl:
    """One binary, bound to one cluster."""

    binary: str
    home: Path
    kubeconfig: Path

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        """Begin a command that the caller ends, such as a watch."""
        return await asyncio.create_subprocess_exec(
            self.binary,
            *words,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "KUBECONFIG": str(self.kubeconfig),
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *words: str) -> Ran:
        """Run it to its end, whatever that is; raises TimeoutError after a minute."""
        process = await self.start(*words)
        try:
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode is not None
        return Ran(code=process.returncode, out=out.decode(), err=err.decode())

    async def __call__(self, *words: str) -> str:
        """Run it, insist that it went well, and give what it printed."""
        ran = await self.run(*words)
        assert ran.code == 0, f"kubectl {' '.join(words)}: {ran.err}{ran.out}"
        return ran.out


@asynccontextmanager
async def furnished() -> AsyncIterator[Cluster]:
    """Three nodes and `payments/api` of three, whose pods take a moment to start and to stop."""
    async with Cluster(ready_after_s=0.02, stop_after_s=0.01) as cluster:
        cluster.deployment("payments", "api", replicas=3)
        await cluster.settled()
        yield cluster


def bound(binary: str, cluster: Cluster, *, home: Path) -> Kubectl:
    """A kubectl in the namespace `payments` of a cluster; skips the test, naming kubectl, where there is none."""
    if not binary:
        pytest.skip("kubectl is not installed here")
    kubeconfig = cluster.write_kubeconfig(home / "kubeconfig", namespace="payments")
    return Kubectl(binary=binary, home=home, kubeconfig=kubeconfig)


EACH = binaries() or [""]
"""To parametrise a fixture with; the empty name makes `bound` skip."""

"""What actions are given to work with: one bag, filled once by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bot.catalog.schema import Catalog
from bot.errors import ActionFailed

if TYPE_CHECKING:
    from bot.clients.http import HttpClient
    from bot.clients.kubernetes import Clusters
    from bot.clients.ssh import SshPool
    from bot.diagnosis.diagnosis import Diagnosis
    from bot.diagnosis.place import Place
    from bot.telemetry import Redactor


class Post(Protocol):
    """The port through which a step speaks in Slack; who implements it knows Slack, the step does not."""

    async def __call__(self, channel: str, thread_ts: str, text: str, key: str) -> str:
        """Post `text` (mrkdwn) once per `key`, and answer with where it stands (permalink or ts).

        Posting again with a key that was delivered before answers with the first message. Raises DeliveryError
        when nothing was posted, ActionUnknown when the answer was lost.
        """


def _no_clusters() -> Clusters:
    raise ActionFailed("this process was given no way to reach a cluster; nothing was sent")


def _no_secrets() -> Redactor:
    from bot.telemetry import Redactor  # noqa: PLC0415 - loads the logging library, which lint can do without

    return Redactor()


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Clients as makers: a type that is never used costs nothing."""

    catalog: Callable[[], Catalog]
    """The catalog in force now; what may be reached is asked again right before acting."""
    ssh: Callable[[], SshPool]
    """The one pool of SSH connections; nothing is opened by asking for it."""
    http: Callable[[], HttpClient]
    post: Post
    secret: Callable[[str], str]
    """The value of a declared secret; raises KeyError where the process has none."""
    kubernetes: Callable[[], Clusters] = _no_clusters
    """The clusters this process can reach; nothing is opened by asking for them."""
    redactor: Callable[[], Redactor] = _no_secrets
    """Knows the process's secrets: for what is read here and judged before the engine sees it."""
    opinion: Callable[[Diagnosis, Place, float], Awaitable[Diagnosis]] | None = None
    """Gives a diagnosis a model's opinion within so many seconds; None where no model is set."""

"""What containers have written, now and before their last restart, and how it is asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime

from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.refusals import bad_request
from bot.sandbox.cluster.selectors import number

Line = tuple[float, str]


class Logs:
    """By pod uid and container."""

    def __init__(self) -> None:
        self._now: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
        self._before: dict[tuple[str, str], list[Line]] = {}

    def write(self, uid: str, container: str, *lines: str, at: float) -> None:
        """The container prints these."""
        self._now[uid, container] += [(at, line) for line in lines]

    def restart(self, uid: str, container: str) -> None:
        """What was written until now is from the container before."""
        self._before[uid, container] = self._now.pop((uid, container), [])

    def read(self, pod: Json, query: Mapping[str, str], *, now: float) -> str:
        """As `GET pods/NAME/log` answers; raises Refusal (400) in the words of the server."""
        name = pod["metadata"]["name"]
        container = _container(pod, query.get("container", ""))
        _check_started(pod, container)
        key = (pod["metadata"]["uid"], container)
        if query.get("previous") in ("true", "1"):
            if key not in self._before:
                raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
            lines = self._before[key]
        else:
            lines = self._now.get(key, [])
        return _cut(lines, query, now=now)


def _container(pod: Json, asked: str) -> str:
    names = [one["name"] for one in pod["spec"]["containers"]]
    inits = [one["name"] for one in pod["spec"].get("initContainers") or ()]
    name = pod["metadata"]["name"]
    if not asked:
        if len(names) > 1:
            raise bad_request(
                f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
            )
        return str(names[0])
    if asked not in (*names, *inits):
        raise bad_request(f"container {asked} is not valid for pod {name}")
    return asked


def _check_started(pod: Json, container: str) -> None:
    statuses = pod["status"]
    for status in (
        *(statuses.get("initContainerStatuses") or ()),
        *(statuses.get("containerStatuses") or ()),
    ):
        waiting = status["state"].get("waiting")
        if status["name"] == container and waiting and not status["restartCount"]:
            raise bad_request(
                f'container "{container}" in pod "{pod["metadata"]["name"]}" is waiting to start: '
                f"{waiting['reason']}"
            )


def _cut(lines: list[Line], query: Mapping[str, str], *, now: float) -> str:
    since, count, most = (number(query, word) for word in ("sinceSeconds", "tailLines", "limitBytes"))
    if since is not None:
        lines = [one for one in lines if one[0] >= now - since]
    if count is not None:
        lines = lines[-count:] if count else []
    if query.get("timestamps") in ("true", "1"):
        texts = [f"{datetime.fromtimestamp(at, UTC).isoformat()} {line}" for at, line in lines]
    else:
        texts = [line for _, line in lines]
    text = "".join(f"{line}\n" for line in texts)
    return text if most is None else text.encode()[:most].decode(errors="ignore")

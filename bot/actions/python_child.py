"""The interpreter a Python action runs in: `python -m bot.actions.python_child FD`, started by the python action.

A thread cannot be ended, a process can; so the function runs here, and a deadline or a stop ends the whole
process group. It is given the text of the modules (already checked against the plan's digest) over a socket,
and asks over the same socket for every command that `bot.guard.shell` is to run: hosts, keys and rules stay
with the parent. When the socket closes the parent is gone, and this group ends at once.

    parent → {"module", "function", "arguments", "environment", "sources", "folder"}
    child  → {"run": command}            parent → {"output", "status", "error"}
    child  → {"done": {"ok", "value" | "error", "traceback", "stage"}}
"""

from __future__ import annotations

import asyncio
import importlib.abc
import importlib.util
import inspect
import json
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from bot.guard import Approval, CommandFailed, approved


class Link:
    """The socket to the parent; losing it ends this process and its children."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(True)
        self._lines = self._socket.makefile("rb")
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._turn = threading.Lock()
        threading.Thread(target=self._listen, name="listen to the parent", daemon=True).start()

    def receive(self) -> dict[str, Any]:
        """The next message of the parent."""
        return self._answers.get()

    def send(self, message: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def run_command(self, command: str) -> str:
        """Have the parent run it; from several threads one after the other."""
        with self._turn:
            self.send({"run": command})
            answer = self.receive()
        if answer.get("error"):
            raise CommandFailed(
                str(answer["error"]), output=str(answer.get("output", "")), status=answer.get("status")
            )
        return str(answer["output"])

    def _listen(self) -> None:
        for line in self._lines:
            self._answers.put(json.loads(line))
        os.killpg(os.getpgrp(), signal.SIGKILL)


class GivenSources(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the modules that came with the request, from their text; nothing is read from the folder."""

    def __init__(self, sources: dict[str, str], folder: str) -> None:
        self._sources = sources
        self._folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Ours or nobody's."""
        if path is not None or target is not None or fullname not in self._sources:
            return None
        origin = str(Path(self._folder) / f"{fullname}.py")
        return importlib.util.spec_from_loader(fullname, self, origin=origin)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's text."""
        origin = str(module.__spec__.origin if module.__spec__ else module.__name__)
        module.__file__ = origin
        exec(compile(self._sources[module.__name__], origin, "exec"), module.__dict__)  # noqa: S102 - its purpose


def main(fd: int) -> None:
    """Serve one request and end."""
    link = Link(fd)
    request = link.receive()
    done = _done(request, link)
    sys.stdout.flush()
    sys.stderr.flush()
    link.send({"done": done})
    # Threads the function left behind end with the step.
    os._exit(0)


def _done(request: dict[str, Any], link: Link) -> dict[str, Any]:
    stage = "load"
    try:
        sys.meta_path.insert(0, GivenSources(request["sources"], request["folder"]))
        module = importlib.import_module(request["module"])
        function = getattr(module, request["function"])
        stage = "call"
        with approved(Approval(environment=request["environment"], run_command=link.run_command)):
            value = _call(function, request["arguments"])
        return {"ok": True, "value": _as_text(value)}
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent must hear of it; SystemExit too
        return {
            "ok": False,
            "stage": stage,
            "error": f"{type(error).__name__}: {error}"[:2000],
            "traceback": _own_frames(error),
        }


def _call(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(function):
        return asyncio.run(function(**arguments))
    return function(**arguments)


def _own_frames(error: BaseException) -> str:
    """The traceback from the action's own code on, without this program's frames."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(str(Path(__file__).parent.parent))]
    return "".join([*traceback.format_list(own), *traceback.format_exception_only(type(error), error)])[
        -20_000:
    ]


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))

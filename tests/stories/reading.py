"""What people saw, moment by moment, as text that is the same every time: `golden/NAME.txt`.

Only what is new or changed since the moment before is written down, so a story reads like the night it tells of.
`BOT_UPDATE_GOLDEN=1 pytest tests/stories` writes the files anew; read them as the person at 2 a.m. would.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

from bot.sandbox.server import Sandbox
from bot.slack.transcript import transcript

GOLDEN = Path(__file__).parent / "golden"
INCIDENTS = "C0INC"

_MOVING = (
    (re.compile(r"http://127\.0\.0\.1:\d+/"), "https://acme.slack.example/"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"), "DATE"),
    (re.compile(r"\b[A-Z][a-z]{2} \d\d [A-Z][a-z]{2} \d\d:\d\d\b"), "DAY AND TIME"),
    (re.compile(r"(?<=the time )\d+ \d+ ∗"), "M H ∗"),
    (re.compile(r"\b\d\d:\d\d UTC"), "TIME"),
    (
        re.compile(
            r"([Rr]un of \S+ (?:succeeded|failed|was \w+|ended [a-z ]+?))"
            r" after (?:\d+\.\d s|\d+ \w+(?: \d+ (?:s|min))?)"
        ),
        r"\1 after T",
    ),
    # Told only where it took long enough to notice, which a busy machine decides.
    (re.compile(r"(\): (?:done|failed|outcome unknown)(?: by itself)?) in \d+(\.\d+)? s:"), r"\1:"),
    (re.compile(r"\b\d+ tokens?\b"), "N tokens"),
    (re.compile(r"\b(in|after|within) \d+(\.\d+)? s\b"), r"\1 T"),
    (re.compile(r"\b([a-z]+)-[b-df-hj-np-tv-z0-9]{8,10}-[b-df-hj-np-tv-z0-9]{5}\b"), r"\1-POD"),
)
_IDS = (
    (re.compile(r"\brun-[0-9a-f]{8}-\d{4}-\d\d-\d\d\.md"), "DOCUMENT"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"(?<=· incident )[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"(?<=[·,] run )[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"(?<=[dD]igest )[0-9a-f]{8}\b"), "DIGEST"),
    (re.compile(r"(?<=Digest: )[0-9a-f]{8}\b"), "DIGEST"),
    (re.compile(r"(?<=What you approve: )[0-9a-f]{8}\b"), "DIGEST"),
    (re.compile(r"(?<=\()[0-9a-f]{8}(?=\))"), "RUN"),
    (re.compile(r"(?<=\()[0-9a-f]{12}(?=\))"), "REF"),
    (re.compile(r"\bp?\d{16}\b"), "TS"),
    (re.compile(r"\b\d{10}\.\d{6}\b"), "TS"),
    (re.compile(r"\breference [0-9a-f]{8}\b"), "REFERENCE"),
)


class Reading:
    """Looks at the workspace and writes down what is there that was not there before."""

    def __init__(self, slack: Sandbox) -> None:
        self._slack = slack
        self._seen: dict[str, str] = {}
        self._lines: list[str] = []
        users = slack.workspace.users.values()
        self.names: dict[str, str] = {user.id: user.name.capitalize() for user in users}
        self.names |= {group.id: group.handle for group in slack.workspace.groups.values()}
        self.names |= {channel.id: channel.name for channel in slack.workspace.channels.values()}

    def write_down(self, moment: str) -> None:
        """Everything new or changed, under the name of this moment."""
        self._lines.append(f"======== {moment}\n")
        for key, where, words in list(self._everything()):
            before = self._seen.get(key)
            if before != words:
                mark = "" if before is None else " (changed)"
                self._lines.append(words.replace(":\n", f"{where}{mark}:\n", 1))
                self._seen[key] = words

    def home(self, user_id: str) -> str:
        """What this person's Home shows now."""
        view = self._slack.workspace.views.home(user_id)
        if view is None:
            return ""
        return transcript([{"blocks": view["blocks"], "user": ""}], names=self.names).split("\n", 1)[1]

    def note(self, words: str) -> None:
        """Something that was seen elsewhere than in a message."""
        self._lines.append(f"{words}\n")

    def _everything(self) -> Iterator[tuple[str, str, str]]:
        """Key, place and words of all that anybody sees now."""
        yield from self._channel()
        for user_id, name in self.names.items():
            if not user_id.startswith("U"):
                continue
            for message in self._slack.direct_messages(user_id):
                yield f"dm {message['ts']}", f" → {name}, directly", self._told(message)
            for message in self._slack.ephemerals(user_id):
                yield f"only {message['ts']}", f" → only {name} sees this", self._told(message)
            view = self._slack.modal(user_id)
            if view is not None:
                yield f"form {view['id']} {view['hash']}", "", self._form(view, name)

    def _channel(self) -> Iterator[tuple[str, str, str]]:
        messages = self._slack.messages(INCIDENTS)
        roots = [one["ts"] for one in messages if one.get("thread_ts", one["ts"]) == one["ts"]]
        for number, root in enumerate(roots, start=1):
            for message in self._slack.thread(INCIDENTS, root):
                verb = "begins" if message["ts"] == root else "in"
                where = f" {verb} thread {number}" if len(roots) > 1 else ""
                yield message["ts"], where, self._told(message)

    def _told(self, message: Mapping[str, Any]) -> str:
        return transcript([message], names=self.names)

    def _form(self, view: Mapping[str, Any], name: str) -> str:
        body = transcript([{"blocks": view["blocks"], "user": ""}], names=self.names).split("\n", 1)[1]
        submit = f"    [{view['submit']['text']}]\n" if view.get("submit") else ""
        return f"a form for {name}, “{view['title']['text']}”:\n{body.rstrip()}\n{submit}"

    def text(self) -> str:
        """The whole story so far, with everything that moves made still."""
        words = "\n".join(self._lines)
        for pattern, still in _MOVING:
            words = pattern.sub(still, words)
        for pattern, name in _IDS:
            words = _numbered(pattern, name, words)
        return words


def _numbered(pattern: re.Pattern[str], name: str, words: str) -> str:
    """Every different match gets the next number, the same one the same."""
    known: dict[str, str] = {}
    return pattern.sub(lambda found: known.setdefault(found[0], f"{name}-{len(known) + 1}"), words)


def check(name: str, found: str) -> None:
    """The story is the one in `golden/NAME.txt`, word for word."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("BOT_UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert path.exists(), f"{path} is missing; BOT_UPDATE_GOLDEN=1 writes it"
    written = path.read_text(encoding="utf-8")
    told = unified_diff(written.splitlines(), found.splitlines(), "written", "found", lineterm="")
    assert found == written, "\n".join(told)

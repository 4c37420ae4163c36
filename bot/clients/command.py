"""A shell command that ends when nobody watches it any more: the line that is sent, what it prints, how it ended.

A command started over SSH outlives the connection that started it: sshd sends no signal when a client goes
away, and a client's time-out only ends the client. So the command line travels inside a small script:

    sh -c SCRIPT runbook-bot SECONDS COMMAND

- A timer holds the deadline also when this process and the network are both gone: TERM to the process group when
  SECONDS are over, KILL a little later. It sleeps in a process of its own, which is told to go when the command
  has ended; a timer that was not told sees that the script is gone and touches nothing. (The script's process id
  cannot be another's by then: it names the group that the timer is in.) Coreutils' `timeout` would do the same,
  where it is installed and new enough; to find that out and to start it costs more than all the rest.
- A watcher reads standard input, whose other end is held open by whoever started the command. An
  empty line sends TERM to the process group; when that end closes (connection cut, this process killed) the
  group gets KILL. SSH's own signals are not enough: sshd refuses them for root, and before 7.9 for everyone.
- COMMAND is evaluated in a subshell with standard input empty and stderr joined to stdout in one pipe, so the
  order of the two is the true one. Its exit status is passed on. A subshell, because what it may do to its shell
  (`exec`, `exit`, `trap`, `wait` for everything) must not reach the two above.
- After a TERM the script kills what is left of the group: children that ignore TERM do not stay behind. After a
  normal end nothing is killed: a command may leave a daemon running, that may be its purpose.

For a short command the far side's price is one more shell, three forks and one `sleep` beside them. Limit: a process
that leaves its group (`setsid`) is out of reach. The same script runs local commands, without the timer.
"""

from __future__ import annotations

import codecs
import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

NAME = "runbook-bot"
KILL_AFTER_S = 5
"""Between TERM and KILL on the far side."""

SCRIPT = (
    # Its own words (a shell may report a killed helper) go nowhere; the command's stderr is joined below.
    "exec 3<&0 </dev/null 2>/dev/null; "
    "trap _rb_term=1 TERM; "
    # The timer comes first: until it sleeps it has no child whose id "$!" could be.
    '[ -n "$1" ] && { ( trap \'\' TERM; trap \'kill -KILL "$!"; exit\' USR1; sleep "$1" & wait; '
    f'kill -0 "$$" || exit; kill -TERM 0; sleep {KILL_AFTER_S}; kill -KILL 0 ) >/dev/null 3<&- & '
    "_rb_timer=$!; }; "
    "( trap '' TERM; while read -r _; do kill -TERM 0; done <&3; kill -KILL 0 ) >/dev/null & "
    "_rb_watch=$!; exec 3<&-; "
    # The leading space keeps a command that starts with a dash from being read as an option of eval.
    '( trap - TERM; _rb_command=$2; shift 2; eval " $_rb_command" ) 2>&1; '
    "_rb_status=$?; "
    'if [ -n "$_rb_term" ]; then kill -KILL 0; fi; '
    '[ -n "$1" ] && kill -USR1 "$_rb_timer"; '
    'kill -KILL "$_rb_watch"; exit "$_rb_status"'
)

CUT_LOOK_BYTES = 65_536
"""How far from a cut a line's end is looked for."""

TERM_LINE = b"\n"
"""Written to standard input, it asks for a TERM; the end of standard input asks for a KILL."""

Ending = Literal["exited", "signalled", "deadline", "stopped", "lost"]


def wire_line(command: str, *, timeout_s: float) -> str:
    """What is sent to a host for `command`; the far side's own deadline is a little behind ours, as a backstop."""
    seconds = str(math.ceil(timeout_s) + KILL_AFTER_S)
    return "exec " + shlex.join(["sh", "-c", SCRIPT, NAME, seconds, command])


def local_argv(command: str) -> list[str]:
    """The same for this machine, where our own deadline is enough."""
    return ["/bin/sh", "-c", SCRIPT, NAME, "", command]


def command_of(line: str) -> str:
    """The command inside a line made by `wire_line`; any other line is its own command. For stand-in hosts."""
    try:
        words = shlex.split(line)
    except ValueError:
        return line
    return words[-1] if len(words) == 7 and words[4] == NAME else line


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a started command ended."""

    ending: Ending
    output: str
    duration_s: float
    status: int | None = None
    signal: str = ""
    is_dead: bool = True
    """False: it was told to end and nothing has confirmed that it did."""


class Output:
    """What a command printed: decoded as it comes for `on_text`, kept up to `limit` bytes, the middle cut out."""

    def __init__(self, *, limit_bytes: int, on_text: Callable[[str], None]) -> None:
        self._half = limit_bytes // 2
        self._on_text = on_text
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._head = bytearray()
        self._tail = bytearray()
        self.total_bytes = 0

    def feed(self, data: bytes) -> None:
        """Take one chunk."""
        self.total_bytes += len(data)
        if text := self._decoder.decode(data):
            self._on_text(text.replace("\x00", "\ufffd"))
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 4 * self._half:
            # Trimmed rarely, so that a flood costs a copy only now and then.
            del self._tail[: -self._half]

    def text(self) -> str:
        """All of it, or its two ends around a mark that says how much is missing. Bytes that are not UTF-8
        and NULs become U+FFFD."""
        head, tail = bytes(self._head), bytes(self._tail[-self._half :])
        mark = b""
        if self.total_bytes > len(head) + len(tail):
            head, tail = whole_head(head), whole_tail(tail)
            missing = self.total_bytes - len(head) - len(tail)
            mark = f"\n… ({missing} bytes cut here) …\n".encode()
        return (head + mark + tail).decode("utf-8", errors="replace").replace("\x00", "\ufffd")


def whole_head(data: bytes) -> bytes:
    """What comes before a cut, without the line (or word) that the cut breaks: nobody could see that the half of a
    secret is one."""
    for mark in (b"\n", b" "):
        at = data.rfind(mark, max(0, len(data) - CUT_LOOK_BYTES))
        if at >= 0:
            return data[: at + 1]
    return data


def whole_tail(data: bytes) -> bytes:
    """What comes after a cut, likewise."""
    for mark in (b"\n", b" "):
        at = data.find(mark, 0, CUT_LOOK_BYTES)
        if 0 <= at < len(data) - 1:
            return data[at + 1 :]
    return data

"""`runbookctl demo` as a process of its own: exit codes, streams, Ctrl-C, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fakes.patience import PATIENCE_S

RUNBOOKCTL = [sys.executable, "-c", "from bot.cli.main import main; main()", "demo"]


def environment(folder: Path) -> dict[str, str]:
    """This one, with a folder for temporary files that can be looked into afterwards."""
    return {**os.environ, "TMPDIR": str(folder), "BOT_SLACK_MODE": "nonsense"}


def auto(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUNBOOKCTL, "--auto", *more],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_alone_it_breaks_heals_and_prints_the_thread(tmp_path: Path) -> None:
    done = auto(tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "payments, broken",
        "payment-api, overloaded",
        "payment-api, deployed badly",
    ]
    assert all("healed, the service answers 200 again" in line for line in lines)
    for words in ("payments failing", "redis-cli FLUSHDB", "4 workers started", "──── #payments"):
        assert words in done.stdout
    for words in (
        "scale deployment/payment-api --replicas=5",
        "5 of 5 ready",
        "from revision 3 to revision 2",
    ):
        assert words in done.stdout
    assert "[Approve]" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_alone_it_ends_with_1_where_the_service_stays_broken(tmp_path: Path) -> None:
    done = auto(tmp_path, "--relapse")
    assert done.returncode == 1
    assert "payments, broken: not healed: the service is still broken: 503" in done.stderr
    assert "payments-ctl restart --release previous" in done.stdout or "payments 2026.10.1" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_it_wrote_is_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    done = auto(tmp_path, "--keep", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stderr
    assert {one.name for one in (tmp_path / "kept").iterdir()} >= {"journal.db", "runbooks", "ssh"}
    again = auto(tmp_path, "--keep", str(tmp_path / "kept"))
    assert again.returncode == 2
    assert "is not empty" in again.stderr


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_ends_it_in_order_and_leaves_nothing(
    tmp_path: Path, name: signal.Signals, times: int
) -> None:
    running = subprocess.Popen(
        [*RUNBOOKCTL, "--port", "3900"],
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    try:
        seen = ""
        while "Ctrl-C ends it" not in seen:
            line = running.stderr.readline()
            assert line, seen
            seen += line
        for _ in range(times):
            running.send_signal(name)
            time.sleep(0.01)  # two signals at once are one
        out, words = running.communicate(timeout=PATIENCE_S)
    finally:
        running.kill()
    # 0 is the end in order; a stop that hangs is broken off with another status. A second signal may come when all is
    # done and the interpreter has put its handlers away.
    assert running.returncode in ((0,) if times == 1 else (0, 130, -name))
    assert out == ""
    assert "Traceback" not in words
    assert re.search(r"http://127\.0\.0\.1:\d+/", seen)
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_said_and_another_one_used(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running = subprocess.Popen(
            [*RUNBOOKCTL, "--port", str(port)],
            env=environment(tmp_path),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert running.stderr is not None
        try:
            assert running.stderr.readline() == f"port {port} is taken, so the page is at another one\n"
        finally:
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=PATIENCE_S)
    assert list(tmp_path.iterdir()) == []

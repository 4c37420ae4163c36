"""How commands print: for a person at a terminal, for a program in a pipe, and when something ends early."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bot.cli.main import LazyGroup, main
from bot.cli.output import (
    Column,
    Marked,
    put,
    put_facts,
    put_heading,
    put_json,
    put_line,
    put_table,
    tell,
    visible,
)
from tests.fakes.patience import PATIENCE_S

COLUMNS = (Column("runbook"), Column("runs", is_number=True), Column("last"))
ROWS = (("clear-cache", 12, Marked("succeeded", "good")), ("scale", 7, None))
SNEAKY = "done\x1b[2J\x9b1A \u202eevil"


@click.command()
@click.argument("what")
def say(what: str) -> None:
    """Print one thing."""
    match what:
        case "table":
            put_table(COLUMNS, ROWS, empty="no runs yet")
        case "wide":
            columns = (Column("run"), Column("opened"), Column("what"), Column("steps", is_number=True))
            first = ("a98785de", "2026-11-21 14:38:53", "three words here", 3)
            put_table(columns, [first, ("b1143b00", "2026-11-21 14:38:52", "-", None)])
        case "nothing":
            put_table(COLUMNS, [], empty="no runs yet")
        case "facts":
            put_heading("clear-cache")
            put_facts([("who", "platform-oncall"), ("undo", None), ("message", "one\ntwo")])
        case "json":
            put_json({"title": SNEAKY, "who": "Zoë → Max"})
        case "sneaky":
            put(SNEAKY)
            tell(SNEAKY)
            put_line(Marked(SNEAKY, "bad"))
            put_table((Column("title"),), [[SNEAKY]])
        case "much":
            for number in range(100_000):
                put(f"line {number}")
        case "wait":
            _wait()


def _wait() -> None:
    put("waiting")
    sys.stdout.flush()
    while True:  # `signal.pause` would sleep through a signal that came just before it
        time.sleep(0.05)


group = LazyGroup(name="t", table={"say": (f"{__name__}:say", "Say.")})
PROGRAM = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n" + (
    "from tests.cli.test_output import group; group.main(sys.argv[1:])"
)


def at_a_terminal(program: str, *arguments: str, **environment: str) -> str:
    """What a person would see, escapes included."""
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "60", **environment},
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # the other side is closed
        while chunk := os.read(ours, 65536):
            seen += chunk
    os.close(ours)
    assert started.wait(timeout=PATIENCE_S) == 0
    return seen.decode()


def lines_at_a_terminal(*arguments: str, columns: int) -> list[str]:
    """What a person would read there."""
    seen = at_a_terminal(PROGRAM, *arguments, NO_COLOR="1", TERM="dumb", COLUMNS=str(columns))
    return [line.rstrip() for line in seen.splitlines()]


def test_a_table_in_a_pipe_is_aligned_plain_text() -> None:
    assert CliRunner().invoke(group, ["say", "table"]).stdout == (
        "runbook      runs  last\nclear-cache    12  succeeded\nscale           7  -\n"
    )


def test_a_table_without_rows_leaves_stdout_empty_and_says_so() -> None:
    result = CliRunner().invoke(group, ["say", "nothing"])
    assert (result.stdout, result.stderr) == ("", "no runs yet\n")


def test_facts_stand_under_each_other_and_what_is_not_there_is_left_out() -> None:
    expected = "clear-cache\nwho      platform-oncall\nmessage  one\n         two\n"
    assert CliRunner().invoke(group, ["say", "facts"]).stdout == expected


def test_a_terminal_gets_colour_and_rules() -> None:
    seen = at_a_terminal(PROGRAM, "say", "table", NO_COLOR="")
    assert "\x1b[32msucceeded" in seen
    assert "─" in seen


def test_a_table_that_is_wider_than_the_terminal_breaks_between_words_and_keeps_every_column() -> None:
    lines = lines_at_a_terminal("say", "wide", columns=40)
    assert lines[0] == "run        opened          what    steps"
    assert lines[2:] == [
        "a98785de   2026-11-21      three       3",
        "           14:38:53        words",
        "                           here",
        "b1143b00   2026-11-21      -           -",
        "           14:38:52",
    ]


def test_where_not_even_the_words_fit_each_row_stands_for_itself() -> None:
    assert lines_at_a_terminal("say", "wide", columns=30) == [
        "a98785de",
        "  opened 2026-11-21 14:38:53,",
        "  what three words here, steps",
        "  3",
        "b1143b00",
        "  opened 2026-11-21 14:38:52",
    ]


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_no_colour_gets_none(environment: dict[str, str]) -> None:
    seen = at_a_terminal(PROGRAM, "say", "table", **environment)
    assert "succeeded" in seen
    assert not re.search(r"\x1b\[3\d", seen)


@pytest.mark.parametrize("what", ["sneaky", "json"])
def test_text_from_outside_cannot_steer_the_terminal(what: str) -> None:
    seen = at_a_terminal(PROGRAM, "say", what, NO_COLOR="1")
    assert not {"\x1b[2J", "\x9b", "\u202e"} & {
        found for found in ("\x1b[2J", "\x9b", "\u202e") if found in seen
    }
    assert "evil" in seen
    assert visible("a\tb\nc\r\n") == "a\tb\nc\n"


def test_json_says_the_same_as_it_was_given() -> None:
    result = CliRunner().invoke(group, ["say", "json"])
    assert json.loads(result.stdout) == {"title": SNEAKY, "who": "Zoë → Max"}
    assert "Zoë → Max" in result.stdout


def test_a_reader_that_goes_away_is_no_error_worth_a_word() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "say", "much"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        assert started.stdout.readline() == b"line 0\n"
        started.stdout.close()
        assert started.stderr.read() == b""
    assert started.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_is_full_is_said_in_a_sentence() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "say", "table"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_S,
        )
    assert done.returncode == 2
    assert done.stderr == b"the result cannot be written: No space left on device\n"


def test_a_stdout_that_was_closed_is_no_reason_to_break() -> None:
    command = " ".join(map(shlex.quote, [sys.executable, "-c", PROGRAM, "say", "table"]))
    done = subprocess.run(["sh", "-c", f"{command} >&-"], stderr=subprocess.PIPE, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_interrupt_exits_as_a_shell_expects() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "say", "wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        assert started.stdout.readline() == b"waiting\n"
        started.send_signal(signal.SIGINT)
        assert b"Traceback" not in started.stderr.read()
    assert started.returncode == 130


def test_a_terminal_without_utf_8_gets_escapes_instead_of_a_stack_trace() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "say", "json"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        check=True,
        timeout=PATIENCE_S,
    )
    assert b"\\u2192" in done.stdout


def test_it_says_which_version_it_is() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout == f"runbook-bot {version('runbook-bot')}\n"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("lnit", "did you mean lint or list?"), ("promte", "did you mean promote?"), ("xyzzy", "there are ")],
)
def test_an_unknown_command_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    result = CliRunner().invoke(main, [typed])
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"there is no command {typed!r}; {meant}" in result.stderr

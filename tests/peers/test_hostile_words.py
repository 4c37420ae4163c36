"""Values that try to leave their place, on real shells and a real sshd: one literal word each, or refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bot.actions.shell import ShellAction
from bot.catalog.schema import Host
from bot.catalog.templating import render
from bot.clients.ssh import SshPool
from bot.errors import BadInput
from tests.fakes.actions import STAGING, Bench, Told, catalog
from tests.peers.conftest import Sshd, program
from tests.peers.hostile import CORPUS, REFUSED

pytestmark = pytest.mark.peer

SHOW = "show() { printf '%s ' \"$#\"; printf '%s' \"$1\" | od -An -v -tx1 | tr -d ' \\n'; echo; }"
"""Says how many words it was given, and the bytes of the first."""

AT_A_TIME = 250
"""Words in one command: few logins, and each command below the length that a step may have."""

PLACES = ("show {{ params.x }}", "show --flag={{ params.x }}", "show a{{ params.x }}b{{ params.x }}")


def line(place: str, text: str, *, dashes: bool) -> str:
    """The command as a step would have it, rendered by what renders steps."""
    allowed = {"params.x"} if dashes else set()
    return str(
        render({"command": place}, ShellAction.Input, {"params": {"x": text}}, dash_allowed=allowed)[
            "command"
        ]
    )


def words() -> list[tuple[str, str]]:
    """Every command that is not refused, with the word that must arrive."""
    found = []
    for text in CORPUS:
        if text in REFUSED:
            continue
        for place in PLACES:
            found.append((line(place, text, dashes=True), place[5:].replace("{{ params.x }}", text)))
    return found


def said(expected: str) -> str:
    return f"1 {expected.encode().hex()}"


def is_untouched(folder: Path) -> bool:
    return not any(folder.iterdir())


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(CORPUS) >= 600
    assert len(set(CORPUS)) == len(CORPUS)


@pytest.mark.parametrize("text", REFUSED)
def test_what_no_command_can_carry_is_refused(text: str) -> None:
    for place in PLACES:
        with pytest.raises(BadInput):
            line(place, text, dashes=True)


def test_a_leading_dash_is_refused_where_a_word_would_start_with_it() -> None:
    dashed = [text for text in CORPUS if text.startswith("-") and text not in REFUSED]
    assert len(dashed) > 20
    for text in dashed:
        with pytest.raises(BadInput, match="starts with a dash"):
            line("show {{ params.x }}", text, dashes=False)
        assert line("show --flag={{ params.x }}", text, dashes=False)


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_every_value_arrives_as_one_word_in_one_shell(shell: str, tmp_path: Path) -> None:
    binary = program(shell)
    folder = tmp_path / "empty"
    folder.mkdir()
    commands, expected = zip(*words(), strict=True)
    script = "\n".join([SHOW, *commands])
    ran = subprocess.run([binary, "-s"], input=script.encode(), cwd=folder, capture_output=True, check=False)
    assert ran.stdout.decode().splitlines() == [said(word) for word in expected]
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert is_untouched(folder)


async def test_every_value_arrives_as_one_word_on_a_real_host(
    sshd: Sshd, pool: SshPool, tmp_path: Path
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    host = Host(name="web-1", environment=STAGING, address="127.0.0.1", port=sshd.port, user=sshd.user)
    bench = Bench(catalog=catalog(hosts={"web-1": host}), ssh=pool)
    action = ShellAction(bench.tools)
    arrived: list[str] = []
    commands = [command for command, _ in words()]
    for start in range(0, len(commands), AT_A_TIME):
        command = "\n".join([f"cd {folder}", SHOW, *commands[start : start + AT_A_TIME]])
        plan = await action.plan(action.Input.model_validate({"command": command}), bench.scope())
        outcome = await action.execute(plan, Told())
        assert outcome.verdict == "succeeded", outcome.summary
        arrived += outcome.output.splitlines()
    assert arrived == [said(word) for _, word in words()]
    assert is_untouched(folder)

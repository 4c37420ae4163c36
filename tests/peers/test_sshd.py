"""Shell steps against a real sshd: what they run, and that nothing of it stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import asyncssh
import pytest

from bot.actions.base import Outcome
from bot.actions.shell import ShellAction
from bot.catalog.schema import Host
from bot.catalog.templating import render
from bot.clients.command import KILL_AFTER_S, wire_line
from bot.clients.ssh import SshPool
from bot.errors import ActionFailed, ActionRetry
from tests.fakes.actions import STAGING, Bench, Told, catalog, short
from tests.fakes.patience import PATIENCE_S
from tests.fakes.processes import wait_for
from tests.peers.conftest import Sshd

pytestmark = pytest.mark.peer


@pytest.fixture
def bench(sshd: Sshd, pool: SshPool) -> Bench:
    def host(name: str, port: int) -> Host:
        return Host(name=name, environment=STAGING, address="127.0.0.1", port=port, user=sshd.user)

    names = ("web-1", "web-2", "web-3")
    hosts = {name: host(name, sshd.port) for name in names}
    made = catalog(hosts={**hosts, "gone": host("gone", 1)}, host_groups={"web": names})
    return Bench(catalog=made, ssh=pool)


DEADLINE_S = 3.0
"""Long enough for a busy host to start a command, in a session that is there already."""


async def run(
    bench: Bench, command: str, *, timeout_s: float = PATIENCE_S, told: Told | None = None, **given: object
) -> Outcome:
    action = ShellAction(bench.tools)
    plan = await action.plan(action.Input.model_validate({"command": command, **given}), bench.scope())
    return await action.execute(short(plan, timeout_s), told or Told())


def living(mark: str) -> list[str]:
    """The processes whose command line holds `mark`."""
    listed = subprocess.run(["pgrep", "-f", mark], capture_output=True, text=True, check=False)
    return [pid for pid in listed.stdout.split() if pid != str(os.getpid())]


async def gone(mark: str) -> None:
    """Fails unless every process that carries `mark` ends."""
    await asyncio.to_thread(wait_for, lambda: not living(mark), "the remote process ending")


def sleeper() -> tuple[str, str]:
    """A mark that no other process carries, and a command line that sleeps under it, children and all."""
    mark = f"sleeper-{uuid4().hex}"
    return mark, f"sh -c 'sleep 300; : {mark}' & sh -c 'sleep 300; : {mark}'"


async def test_output_comes_in_the_order_it_was_printed(bench: Bench) -> None:
    told = Told()
    outcome = await run(bench, "echo one; echo two >&2; echo three", told=told)
    assert (outcome.verdict, outcome.effect, outcome.output) == ("succeeded", "applied", "one\ntwo\nthree\n")
    assert told.text == outcome.output


async def test_standard_input_is_empty_and_the_exit_status_is_the_commands_own(bench: Bench) -> None:
    outcome = await run(bench, "cat; exit 7")
    assert (outcome.verdict, outcome.effect) == ("failed", "partial")
    assert "exit status 7" in outcome.summary


async def test_a_signal_is_told(bench: Bench) -> None:
    outcome = await run(bench, "kill -SEGV $$")
    assert (outcome.verdict, outcome.effect) == ("failed", "partial")
    assert "SEGV" in outcome.summary


async def test_output_that_is_not_utf8_is_still_a_success(bench: Bench) -> None:
    outcome = await run(bench, r"printf 'a\377\376b\000c'")
    assert outcome.verdict == "succeeded"
    assert outcome.output == "a\ufffd\ufffdb\ufffdc"


async def test_five_megabytes_are_capped_with_a_mark_and_the_end_is_kept(bench: Bench) -> None:
    outcome = await run(bench, "head -c 5000000 /dev/zero | tr '\\0' x; echo; echo the end")
    assert outcome.verdict == "succeeded"
    assert len(outcome.output) < 1024 * 1024 + 100
    assert "bytes cut here" in outcome.output
    assert outcome.output.endswith("the end\n")


async def test_a_deadline_ends_the_remote_process_and_its_children(bench: Bench) -> None:
    mark, command = sleeper()
    await connected(bench)
    outcome = await run(bench, command, timeout_s=DEADLINE_S)
    assert (outcome.verdict, outcome.effect) == ("failed", "unknown")
    assert "deadline" in outcome.summary
    await gone(mark)


async def test_a_process_that_ignores_term_is_killed(bench: Bench) -> None:
    mark, command = sleeper()
    await connected(bench)
    outcome = await run(bench, f"trap '' TERM; {command}", timeout_s=DEADLINE_S)
    assert (outcome.verdict, outcome.effect) == ("failed", "unknown")
    await gone(mark)


async def test_a_stop_ends_the_remote_process(bench: Bench) -> None:
    mark, command = sleeper()
    told = Told()
    running = asyncio.create_task(run(bench, f"echo up; {command}", told=told))
    await asyncio.to_thread(wait_for, lambda: "up" in told.text, "the command printing")
    told.stop.set()
    outcome = await running
    assert (outcome.verdict, outcome.effect) == ("failed", "unknown")
    assert "request" in outcome.summary
    await gone(mark)


async def test_a_cut_connection_is_unknown_and_the_remote_process_ends(bench: Bench, sshd: Sshd) -> None:
    mark, command = sleeper()
    told = Told()
    running = asyncio.create_task(run(bench, f"echo up; {command}", told=told))
    await asyncio.to_thread(wait_for, lambda: "up" in told.text, "the command printing")
    sshd.cut()
    outcome = await running
    assert (outcome.verdict, outcome.effect) == ("unknown", "unknown")
    await gone(mark)


async def test_a_cancelled_call_ends_the_remote_process(bench: Bench) -> None:
    mark, command = sleeper()
    told = Told()
    running = asyncio.create_task(run(bench, f"echo up; {command}", told=told))
    await asyncio.to_thread(wait_for, lambda: "up" in told.text, "the command printing")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await gone(mark)


async def test_a_host_with_little_on_it_runs_commands_and_still_ends_them(
    bench: Bench, tmp_path: Path
) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("sh", "sleep"):
        (bare / name).symlink_to(f"/bin/{name}")
    mark, command = sleeper()
    line = f"PATH={bare}; export PATH; {wire_line(f'echo up; {command}', timeout_s=5)}"
    connection = await connected(bench)
    process = await connection.create_process(line)
    assert await process.stdout.readline() == "up\n"
    process.stdin.write_eof()
    await process.wait()
    await gone(mark)


async def test_the_far_side_holds_the_deadline_by_itself(bench: Bench) -> None:
    mark, command = sleeper()
    connection = await connected(bench)
    # Nobody says anything more: this is all the time it was given.
    process = await connection.create_process(
        wire_line(f"echo up; {command}", timeout_s=DEADLINE_S - KILL_AFTER_S)
    )
    assert await process.stdout.readline() == "up\n"
    await process.wait()
    await gone(mark)


async def test_after_a_normal_end_nothing_of_ours_stays_on_the_host(bench: Bench) -> None:
    seconds = 700_000 + uuid4().int % 100_000
    connection = await connected(bench)
    for _ in range(10):
        ran = await connection.run(wire_line("exit 3", timeout_s=seconds - KILL_AFTER_S))
        assert ran.exit_status == 3
    await gone(f"sleep {seconds}")
    await gone(f"runbook-bot {seconds}")


async def test_a_command_may_do_to_its_shell_what_it_likes(bench: Bench) -> None:
    for command in ("exec echo done", "sleep 0 & wait; echo done; exit 0", "trap 'echo done' EXIT; true"):
        outcome = await run(bench, command)
        assert (outcome.verdict, outcome.output) == ("succeeded", "done\n"), command


async def connected(bench: Bench) -> asyncssh.SSHClientConnection:
    """The pool's connection to web-1."""
    await run(bench, "true")
    connection = next(iter(bench.ssh._entries.values())).connection
    assert connection is not None
    return connection


async def test_a_daemon_may_stay_and_does_not_hold_the_step(bench: Bench) -> None:
    mark = f"daemon-{uuid4().hex}"
    outcome = await run(bench, f"sh -c 'sleep 300; : {mark}' & echo started")
    assert (outcome.verdict, outcome.output) == ("succeeded", "started\n")
    assert len(living(mark)) == 1
    for pid in living(mark):
        os.kill(int(pid), signal.SIGKILL)


async def test_a_changed_host_key_is_refused_and_nothing_is_sent(
    bench: Bench, sshd: Sshd, tmp_path: Path
) -> None:
    sshd.trust(asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip())
    with pytest.raises(ActionFailed, match="is not the one in known_hosts") as caught:
        await run(bench, f"touch {tmp_path}/sent")
    assert caught.value.effect == "none"
    assert not (tmp_path / "sent").exists()


async def test_an_unknown_host_key_is_refused(bench: Bench, sshd: Sshd) -> None:
    sshd.known_hosts.write_text("")
    with pytest.raises(ActionFailed, match="is not in known_hosts"):
        await run(bench, "true")


async def test_a_key_of_another_kind_than_the_known_one_counts_as_changed(bench: Bench, sshd: Sshd) -> None:
    sshd.trust(asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode().strip())
    with pytest.raises(ActionFailed, match="is not the one in known_hosts"):
        await run(bench, "true")


async def test_a_configuration_that_turns_host_keys_off_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(f"Host *\n  UserKnownHostsFile none\n  IdentityFile {sshd.client_key}\n")
    pool = SshPool(config=config)
    with pytest.raises(ActionFailed, match="turns host key checks off"):
        await pool.reach(sshd.host())
    await pool.aclose()


async def test_the_ssh_configuration_file_says_how_to_reach_a_host(sshd: Sshd, tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(
        f"Host web-9\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User {sshd.user}\n"
        f"  IdentityFile {sshd.client_key}\n  UserKnownHostsFile {sshd.known_hosts}\n"
    )
    pool = SshPool(config=config)
    ran = await pool.run(
        replace(sshd.host(), name="web-9", address="", port=None, user=""),
        "echo hi",
        timeout_s=10,
        stop=asyncio.Event(),
    )
    await pool.aclose()
    assert ran.output == "hi\n"


async def test_a_refused_login_says_what_to_do(sshd: Sshd, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(stranger)
    pool = SshPool(config=Path(os.devnull), known_hosts=sshd.known_hosts, client_keys=(stranger,))
    with pytest.raises(ActionFailed, match="refused the login") as caught:
        await pool.reach(sshd.host())
    assert "authorized_keys" in caught.value.hint
    await pool.aclose()


async def test_an_unreachable_host_can_be_tried_again(bench: Bench) -> None:
    with pytest.raises(ActionRetry, match="cannot be reached"):
        await run(bench, "true", host="gone")


async def test_hosts_run_one_after_the_other_and_the_first_that_fails_stops(
    bench: Bench, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    outcome = await run(bench, f"echo x >> {count}; test $(wc -l < {count}) -lt 2", hosts="web")
    assert (outcome.verdict, outcome.effect) == ("failed", "partial")
    assert outcome.summary.startswith("web-2: exit status 1")
    assert "not touched: web-3" in outcome.summary
    assert "── web-1: exit status 0" in outcome.output
    assert len(count.read_text().splitlines()) == 2


async def test_one_connection_serves_several_steps(bench: Bench) -> None:
    first = await connected(bench)
    second = await connected(bench)
    assert first is second


async def test_a_dead_pooled_connection_is_replaced_before_the_command_is_sent(
    bench: Bench, sshd: Sshd
) -> None:
    await run(bench, "true")
    sshd.cut()
    outcome = await run(bench, "echo again")
    assert outcome.output == "again\n"


HOSTILE = [
    "; touch PWNED",
    "$(touch PWNED)",
    "`touch PWNED`",
    "a' ; touch PWNED ; '",
    '"; touch PWNED; "',
    "x\ntouch PWNED",
    "&& touch PWNED",
    "| touch PWNED",
    "> PWNED",
    "*",
    "~",
    "$HOME",
    "${IFS}",
    "\\",
    "'",
    "''",
    "!!",
    "#",
    "\t",
    "é🙂",
]


def names_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


async def test_a_value_arrives_as_one_literal_word(bench: Bench, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for text in HOSTILE:
        tree = {"command": f"cd {empty} && printf '[%s]' {{{{ params.x }}}}"}
        given = render(tree, ShellAction.Input, {"params": {"x": text}})
        outcome = await run(bench, str(given["command"]))
        assert outcome.output == f"[{text}]", text
    assert names_in(empty) == []

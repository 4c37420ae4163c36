"""Shell steps: where they run, what their endings mean, and the local machine that is closed by default."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bot.actions.shell import ShellAction, ShellInput, judge
from bot.catalog.schema import Host
from bot.clients.command import Output, Ran, command_of, wire_line
from bot.clients.local import run_local
from bot.errors import ActionFailed, ActionRetry, BadInput, NotPermitted
from tests.fakes.actions import STAGING, Bench, Told, catalog, short
from tests.fakes.patience import PATIENCE_S
from tests.fakes.processes import wait_for
from tests.fakes.ssh_server import Answer, FakeHost


def host(name: str, fake: FakeHost) -> Host:
    return Host(name=name, environment=STAGING, address="127.0.0.1", port=fake.port, user="deploy")


async def plan_for(bench: Bench, **given: Any) -> Any:
    return await ShellAction(bench.tools).plan(ShellInput.model_validate(given), bench.scope())


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, ["web-1"]),
        ({"host": "web-2"}, ["web-2"]),
        ({"hosts": ["web-2", "web-1", "web-2"]}, ["web-2", "web-1"]),
        ({"hosts": "web"}, ["web-1", "web-2"]),
        ({"hosts": ["web"]}, ["web-1", "web-2"]),
    ],
)
async def test_hosts_come_from_the_step_or_the_service(given: dict[str, Any], names: list[str]) -> None:
    plan = await plan_for(Bench(), command="uptime", **given)
    assert [target.key for target in plan.targets] == [f"host:{name}" for name in names]
    assert plan.will_run == tuple(f"{name}: uptime" for name in names)
    assert {target.environment for target in plan.targets} == {"staging"}


async def test_an_unknown_host_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match="no host or host group") as caught:
        await plan_for(Bench(), command="uptime", host="db-1")
    assert "web-1" in caught.value.hint


async def test_a_catalog_that_moves_a_host_changes_the_digest() -> None:
    bench = Bench()
    before = await plan_for(bench, command="uptime")
    moved = Host(name="web-1", environment=STAGING, address="10.9.9.9")
    bench.catalog = catalog(hosts={**bench.catalog.hosts, "web-1": moved})
    after = await plan_for(bench, command="uptime")
    assert before.digest != after.digest


async def test_no_host_at_all_is_refused_unless_the_local_shell_is_allowed() -> None:
    bench = Bench(catalog=catalog(services={}))
    with pytest.raises(NotPermitted, match="own machine runs no commands"):
        await plan_for(bench, command="uptime")
    bench.catalog = catalog(services={}, allow_local_shell=True)
    with pytest.raises(NotPermitted, match="belongs to no environment"):
        await plan_for(bench, command="uptime")


async def test_a_local_shell_switched_off_after_the_plan_is_refused_when_executing(tmp_path: Path) -> None:
    bench = Bench(catalog=catalog(services={}, allow_local_shell=True, local_environment=STAGING))
    plan = await plan_for(bench, command=f"touch {tmp_path}/x")
    bench.catalog = catalog(services={})
    with pytest.raises(ActionFailed, match="own machine"):
        await ShellAction(bench.tools).execute(plan, Told())
    assert not (tmp_path / "x").exists()


async def test_a_host_taken_out_after_the_plan_is_not_reached() -> None:
    bench = Bench()
    plan = await plan_for(bench, command="uptime")
    bench.catalog = catalog(hosts={})
    with pytest.raises(ActionFailed, match="any more") as caught:
        await ShellAction(bench.tools).execute(plan, Told())
    assert caught.value.effect == "none"


async def test_a_step_that_only_reads_has_no_effect_whatever_its_status() -> None:
    bench = Bench()
    plan = await plan_for(bench, command="systemctl is-active payments", read_only=True)
    assert plan.changes is False
    failed = Ran(ending="exited", status=3, output="inactive", duration_s=0.1)
    assert judge("web-1", failed, is_read_only=True).effect == "none"


def test_host_and_hosts_together_are_refused() -> None:
    with pytest.raises(ValidationError, match="not both"):
        ShellInput.model_validate({"command": "x", "host": "a", "hosts": ["b"]})
    with pytest.raises(ValidationError, match="names no host"):
        ShellInput.model_validate({"command": "x", "hosts": []})


@pytest.mark.parametrize(
    ("ran", "verdict", "effect"),
    [
        (Ran(ending="exited", status=0, output="", duration_s=1), "succeeded", "applied"),
        (Ran(ending="exited", status=127, output="", duration_s=1), "failed", "partial"),
        (Ran(ending="signalled", signal="KILL", output="", duration_s=1), "failed", "partial"),
        (Ran(ending="deadline", output="", duration_s=1), "failed", "unknown"),
        (Ran(ending="stopped", output="", duration_s=1), "failed", "unknown"),
        (Ran(ending="deadline", output="", duration_s=1, is_dead=False), "unknown", "unknown"),
        (Ran(ending="lost", output="", duration_s=1, is_dead=False), "unknown", "unknown"),
    ],
)
def test_an_ending_is_judged_by_one_table(ran: Ran, verdict: str, effect: str) -> None:
    judged = judge("web-1", ran, is_read_only=False)
    assert (judged.verdict, judged.effect) == (verdict, effect)
    assert judged.text


async def test_a_host_that_ignores_every_signal_is_unknown(tmp_path: Path) -> None:
    async with FakeHost(tmp_path, fault="hang-deaf") as fake:
        bench = Bench(catalog=catalog(hosts={"web-1": host("web-1", fake)}), ssh=fake.pool(grace_s=0.05))
        plan = await plan_for(bench, command="sleep 1000")
        outcome = await ShellAction(bench.tools).execute(short(plan, 0.3), Told())
        assert (outcome.verdict, outcome.effect) == ("unknown", "unknown")
        assert fake.signals == ["TERM", "KILL"]
        await bench.ssh.aclose()


async def test_a_stop_from_a_human_ends_it_and_names_what_was_not_touched(tmp_path: Path) -> None:
    async with FakeHost(tmp_path, fault="hang") as fake:
        hosts = {name: host(name, fake) for name in ("web-1", "web-2")}
        bench = Bench(catalog=catalog(hosts=hosts), ssh=fake.pool())
        plan = await plan_for(bench, command="sleep 1000", hosts="web")
        told = Told()
        running = asyncio.create_task(ShellAction(bench.tools).execute(plan, told))
        await fake.started.wait()
        told.stop.set()
        outcome = await running
        assert (outcome.verdict, outcome.effect) == ("failed", "unknown")
        assert "not touched: web-2" in outcome.summary
        assert fake.signals == ["TERM"]
        await bench.ssh.aclose()


async def test_a_second_host_that_cannot_be_reached_makes_it_partial(tmp_path: Path) -> None:
    async with FakeHost(tmp_path, answers={"uptime": Answer(output=b"up\n")}) as fake:
        gone = Host(name="web-2", environment=STAGING, address="127.0.0.1", port=1)
        bench = Bench(catalog=catalog(hosts={"web-1": host("web-1", fake), "web-2": gone}), ssh=fake.pool())
        outcome = await ShellAction(bench.tools).execute(
            await plan_for(bench, command="uptime", hosts="web"), Told()
        )
        assert (outcome.verdict, outcome.effect) == ("failed", "partial")
        assert "web-2" in outcome.summary
        assert "cannot be reached" in outcome.summary
        assert "── web-1: exit status 0" in outcome.output
        await bench.ssh.aclose()


async def test_a_first_host_that_cannot_be_reached_can_be_tried_again_and_names_the_rest() -> None:
    gone = {
        name: Host(name=name, environment=STAGING, address="127.0.0.1", port=1) for name in ("web-1", "web-2")
    }
    bench = Bench(catalog=catalog(hosts=gone))
    with pytest.raises(ActionRetry, match="not touched: web-2"):
        await ShellAction(bench.tools).execute(await plan_for(bench, command="uptime", hosts="web"), Told())


async def test_one_login_serves_several_steps_and_an_idle_pool_makes_room(tmp_path: Path) -> None:
    async with FakeHost(tmp_path) as fake:
        pool = fake.pool(connections=2)
        for name in ("a", "b", "a", "c", "a"):
            await pool.run(fake.at(name), "true", timeout_s=5, stop=asyncio.Event())
        # a, b and c once each: a was used after b, so b made room for c.
        assert fake.logins == 3
        await pool.aclose()


async def test_a_full_pool_waits_for_a_connection_to_become_free(tmp_path: Path) -> None:
    async with FakeHost(tmp_path, answers={"slow": Answer(keeps_running=True)}) as fake:
        pool = fake.pool(connections=1)
        stop = asyncio.Event()
        first = asyncio.create_task(pool.run(fake.at("a"), "slow", timeout_s=PATIENCE_S, stop=stop))
        await fake.started.wait()
        with pytest.raises(ActionRetry, match="nothing was sent"):
            await pool.run(fake.at("c"), "never", timeout_s=0.05, stop=asyncio.Event())
        second = asyncio.create_task(
            pool.run(fake.at("b"), "quick", timeout_s=PATIENCE_S, stop=asyncio.Event())
        )
        await asyncio.sleep(0)
        assert fake.commands == ["slow"]
        stop.set()
        await asyncio.gather(first, second)
        assert fake.commands == ["slow", "quick"]
        await pool.aclose()


async def test_a_stop_while_connecting_starts_nothing(tmp_path: Path) -> None:
    async with FakeHost(tmp_path) as fake:
        pool, stop = fake.pool(), asyncio.Event()
        running = asyncio.create_task(pool.run(fake.at(), "uptime", timeout_s=PATIENCE_S, stop=stop))
        await asyncio.sleep(0)
        stop.set()
        with pytest.raises(ActionFailed, match="before anything was sent"):
            await running
        assert fake.commands == []
        await pool.aclose()


async def test_a_dry_run_logs_in_and_starts_nothing(tmp_path: Path) -> None:
    async with FakeHost(tmp_path) as fake:
        bench = Bench(catalog=catalog(hosts={"web-1": host("web-1", fake)}), ssh=fake.pool())
        await ShellAction(bench.tools).dry_run(await plan_for(bench, command="rm -rf /tmp/x"))
        assert (fake.logins, fake.commands) == (1, [])
        await bench.ssh.aclose()


# ---------------------------------------------------------------- this machine


async def test_a_local_command_sees_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-not-for-you")
    ran = await run_local("env", timeout_s=PATIENCE_S, stop=asyncio.Event())
    assert ran.status == 0
    assert "xoxb" not in ran.output
    assert "PATH=" in ran.output


async def test_a_local_command_that_outlives_its_deadline_is_dead_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    ran = await run_local(f"sleep 300 & echo $! > {pids}; sleep 300", timeout_s=2, stop=asyncio.Event())
    assert (ran.ending, ran.is_dead) == ("deadline", True)
    child = int(pids.read_text())
    # Its signals are sent; the kernel may take a moment to deliver them to the child.
    await asyncio.to_thread(wait_for, lambda: not is_running(child), "the child ending")


async def test_a_local_command_joins_stderr_in_order_and_keeps_its_status() -> None:
    ran = await run_local("echo a; echo b >&2; echo c; exit 4", timeout_s=PATIENCE_S, stop=asyncio.Event())
    assert (ran.ending, ran.status, ran.output) == ("exited", 4, "a\nb\nc\n")


async def test_a_local_command_that_kills_itself_is_told() -> None:
    ran = await run_local("kill -9 $$", timeout_s=PATIENCE_S, stop=asyncio.Event())
    assert (ran.ending, ran.signal) == ("signalled", "KILL")


def is_running(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_line_on_the_wire_carries_the_command_whole() -> None:
    for command in ("uptime", "echo 'a b' \"$X\"; # c", "-n", "line\nline", "é"):
        assert command_of(wire_line(command, timeout_s=1.5)) == command
    assert command_of("uptime") == "uptime"
    assert command_of("an 'open quote") == "an 'open quote"
    assert " 7 " in wire_line("x", timeout_s=1.5)


def test_the_cut_in_long_output_never_goes_through_a_secret() -> None:
    output = Output(limit_bytes=200, on_text=lambda _: None)
    for number in range(100):
        output.feed(f"{number} password=hunter2hunter2 end\n".encode())
    for line in output.text().splitlines():
        assert line.endswith(("password=hunter2hunter2 end", "bytes cut here) …")) or not line
    words = Output(limit_bytes=200, on_text=lambda _: None)
    words.feed(b"hunter2hunter2 " * 100)
    assert set(words.text().replace("\n", " ").split()) - {"hunter2hunter2"} <= set(
        ["…", "(1320", "bytes", "cut", "here)", "…"]
    )


def test_output_is_decoded_across_chunks_and_cut_in_the_middle() -> None:
    told: list[str] = []
    output = Output(limit_bytes=20, on_text=told.append)
    for byte in "é".encode() * 3:
        output.feed(bytes([byte]))
    assert "".join(told) == "ééé"
    output.feed(b"0123456789" * 10)
    text = output.text()
    assert text.startswith("ééé")
    assert text.endswith("0123456789")
    assert "86 bytes cut here" in text

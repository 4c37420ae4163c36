"""The demo's payments service breaks and heals for real, and its host runs nothing but its own programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from bot.clients.command import Ran
from bot.clients.ssh import SshHost, SshPool
from bot.errors import ActionFailed
from bot.sandbox.demo.host import PaymentsHost
from bot.sandbox.demo.payments import Payments


async def customers(payments: Payments, *, count: int = 8) -> list[int]:
    """As many payments, one after the other."""
    return [(await payments.pay()).status for _ in range(count)]


async def restart(payments: Payments) -> None:
    async for _ in payments.restart():
        pass


@pytest.fixture
def payments() -> Payments:
    return Payments(pace_s=0)


async def test_poisoned_rates_hang_one_worker_after_the_other(payments: Payments) -> None:
    assert await customers(payments) == [200] * 8
    payments.poison()
    assert await customers(payments) == [500] * 4 + [503] * 4
    assert payments.health().status == 503


async def test_asking_for_its_health_breaks_nothing(payments: Payments) -> None:
    payments.poison()
    for _ in range(10):
        assert payments.health().status == 503
    assert payments.hanging == 0


async def test_an_empty_cache_alone_heals_nothing_once_the_workers_hang(payments: Payments) -> None:
    payments.poison()
    await customers(payments)
    assert payments.flush() == 6
    assert await customers(payments) == [503] * 8


async def test_a_restart_alone_meets_the_same_rates_again(payments: Payments) -> None:
    payments.poison()
    await customers(payments)
    await restart(payments)
    assert await customers(payments) == [500] * 4 + [503] * 4


async def test_both_together_heal_it(payments: Payments) -> None:
    payments.poison()
    await customers(payments)
    payments.flush()
    await restart(payments)
    assert await customers(payments) == [200] * 8
    assert payments.health().status == 200


async def test_payments_are_told_to_come_back_while_it_restarts(payments: Payments) -> None:
    said = []
    async for _ in payments.restart():
        said.append((await payments.pay()).words)
    assert said[:4] == ["restarting"] * 4
    assert (await payments.pay()).status == 200


async def test_more_workers_are_what_helps_against_a_surge(payments: Payments) -> None:
    payments.surge()
    assert payments.is_surging
    assert payments.scale(8) == 4
    assert not payments.is_surging
    assert payments.worker_count == 8


@pytest.fixture
async def host(tmp_path: Path, payments: Payments) -> AsyncIterator[PaymentsHost]:
    host = PaymentsHost(payments, folder=tmp_path / "ssh")
    await host.start()
    yield host
    await host.stop()


@pytest.fixture
async def pool(host: PaymentsHost) -> AsyncIterator[SshPool]:
    pool = SshPool(config=host.config, known_hosts=host.known_hosts)
    yield pool
    await pool.aclose()


async def run(pool: SshPool, command: str, *, timeout_s: float = 30.0) -> Ran:
    """One command, by the host's name alone."""
    return await pool.run(SshHost(name="payments-1"), command, timeout_s=timeout_s, stop=asyncio.Event())


async def test_a_command_over_ssh_changes_the_service(pool: SshPool, payments: Payments) -> None:
    payments.poison()
    ran = await run(pool, "redis-cli -n 2 DBSIZE && redis-cli -n 2 FLUSHDB && redis-cli -n 2 DBSIZE")
    assert (ran.status, ran.output) == (0, "6\nOK\n0\n")
    assert payments.cache == {}


async def test_output_comes_line_by_line(pool: SshPool, payments: Payments) -> None:
    payments.pace_s = 0.02
    seen: list[str] = []
    await pool.run(
        SshHost(name="payments-1"),
        "payments-ctl restart --graceful",
        timeout_s=5,
        stop=asyncio.Event(),
        on_text=seen.append,
    )
    assert len(seen) == 5
    assert seen[-1] == "payments 2026.10.2: 4 workers started\n"


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("uptime", "load average: 0.88"),
        ("hostname", "payments-1"),
        ("systemctl status payments", "Active: active (running)"),
        ("systemctl restart payments && systemctl is-active payments", "active"),
        ("tail -n 50 /var/log/payments.log", "payments 2026.10.2 started with 4 workers"),
        ("payments-ctl workers 6", "4 → 6 workers, cpu 15 %"),
        ("payments-ctl provider southbank", "provider northbank → southbank"),
    ],
)
async def test_the_host_has_the_programs_a_runbook_wants(pool: SshPool, command: str, output: str) -> None:
    ran = await run(pool, command)
    assert (ran.status, output in ran.output) == (0, True), ran.output


async def test_an_unknown_program_is_not_found(pool: SshPool) -> None:
    ran = await run(pool, "rm -rf /")
    assert ran.status == 127
    assert "rm: not found" in ran.output


@pytest.mark.parametrize(
    "command",
    [
        "uptime; id",
        "uptime | cat",
        "uptime > x",
        "echo $(id)",
        "uptime `id`",
        "hostname && && id",
        "uptime 'x",
    ],
)
async def test_nothing_that_needs_a_shell_runs(pool: SshPool, command: str) -> None:
    ran = await run(pool, command)
    assert ran.status == 2
    assert ran.output.startswith("sh: ")


@pytest.mark.parametrize("command", ["payments-ctl workers 99", "payments-ctl workers -1", "payments-ctl"])
async def test_a_program_used_wrongly_changes_nothing(
    pool: SshPool, payments: Payments, command: str
) -> None:
    assert (await run(pool, command)).status == 2
    assert payments.worker_count == 4


async def test_a_command_past_its_deadline_is_ended_on_the_host(pool: SshPool, payments: Payments) -> None:
    payments.pace_s = 30
    ran = await run(pool, "payments-ctl restart --graceful", timeout_s=0.2)
    assert ran.ending == "deadline"
    assert ran.is_dead
    assert (await payments.pay()).status == 200


async def test_a_host_with_another_key_is_refused_before_anything_is_sent(
    host: PaymentsHost, pool: SshPool
) -> None:
    host.trust(asyncssh.generate_private_key("ssh-ed25519"))
    with pytest.raises(ActionFailed, match="the host key of payments-1 is not the one in known_hosts"):
        await run(pool, "payments-ctl status")
    assert host.commands == []


async def test_another_key_is_not_let_in(host: PaymentsHost, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(stranger)
    pool = SshPool(known_hosts=host.known_hosts, client_keys=(stranger,))
    with pytest.raises(ActionFailed, match="refused the login"):
        await pool.run(
            SshHost(name="payments-1", address="127.0.0.1", port=host.port, user="runbook"),
            "payments-ctl status",
            timeout_s=5,
            stop=asyncio.Event(),
        )
    assert host.commands == []

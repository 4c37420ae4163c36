"""The shipped cache story against a real Redis, reached over a real sshd."""

from __future__ import annotations

import pytest

from bot.actions.shell import ShellAction
from bot.catalog.schema import Host
from bot.clients.ssh import SshPool
from tests.fakes.actions import STAGING, Bench, Told, catalog
from tests.peers.conftest import Redis, Sshd

pytestmark = pytest.mark.peer


@pytest.fixture
def action(sshd: Sshd, pool: SshPool) -> ShellAction:
    host = Host(name="web-1", environment=STAGING, address="127.0.0.1", port=sshd.port, user=sshd.user)
    return ShellAction(Bench(catalog=catalog(hosts={"web-1": host}, host_groups={}), ssh=pool).tools)


async def test_flushdb_over_ssh_says_ok_and_the_keys_are_gone(action: ShellAction, redis: Redis) -> None:
    redis.call("SET", "session:1", "x")
    bench = Bench(catalog=action._tools.catalog())
    given = action.Input.model_validate({"command": f"redis-cli -s {redis.socket} FLUSHDB"})
    plan = await action.plan(given, bench.scope())

    await action.dry_run(plan)
    assert redis.call("DBSIZE") == "1"

    outcome = await action.execute(plan, Told())
    assert (outcome.verdict, outcome.effect, outcome.output) == ("succeeded", "applied", "OK\n")
    assert redis.call("DBSIZE") == "0"


async def test_a_redis_that_is_down_fails_the_command(action: ShellAction, redis: Redis) -> None:
    redis.process.kill()
    redis.process.wait()
    bench = Bench(catalog=action._tools.catalog())
    given = action.Input.model_validate({"command": f"redis-cli -s {redis.socket} FLUSHDB"})
    outcome = await action.execute(await action.plan(given, bench.scope()), Told())
    assert (outcome.verdict, outcome.effect) == ("failed", "partial")
    assert "Could not connect" in outcome.output

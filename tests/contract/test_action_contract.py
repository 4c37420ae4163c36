"""Every type of action held to the one contract; a type without its line here fails the last test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiohttp import web

from bot.actions import registry
from bot.actions.http import HttpAction
from bot.actions.python import PythonAction
from bot.actions.shell import ShellAction
from bot.actions.slack import SlackAction
from bot.catalog.schema import Host, Secret, UrlHost
from bot.errors import DeliveryError
from tests.contract.action_contract import ActionContract, Fault, World
from tests.fakes.actions import STAGING, Bench, catalog
from tests.fakes.slow_scale import SlowScaleAction
from tests.fakes.slow_scale import World as ScaleWorld
from tests.fakes.ssh_server import Answer, FakeHost


class TestSlowScale(ActionContract):
    faults = (
        Fault("unreachable", lambda w: _set(w.around, fault="refused"), "failed", ("none",), is_retry=True),
        Fault("answer lost", lambda w: _set(w.around, fault="lost"), "unknown", ("unknown",)),
        Fault(
            "applied, never ready",
            lambda w: _set(w.around, never_ready=True),
            "failed",
            ("applied",),
            timeout_s=0.05,
        ),
    )

    @asynccontextmanager
    async def world(self, tmp_path: Any) -> AsyncIterator[World]:
        world = ScaleWorld()
        yield World(
            action=SlowScaleAction(world=world),
            given={"name": "payment-api", "replicas": 5},
            scope=Bench().scope(),
            writes=lambda: world.writes,
            around=world,
        )

    async def test_a_step_that_was_applied_and_then_failed_can_be_undone(self, prepared: World) -> None:
        action: Any = prepared.action
        plan = replace(await self.plan(prepared), timeout_s=0.05)
        action.world.never_ready = True
        from tests.fakes.actions import Told

        outcome = await action.execute(plan, Told())
        assert (outcome.verdict, outcome.effect) == ("failed", "applied")
        action.world.never_ready = False
        undo = await action.plan(action.Input.model_validate(plan.undo.input), prepared.scope)
        assert undo.guarded == plan.undo.guarded
        assert (undo.targets, undo.will_run) == (plan.undo.targets, plan.undo.will_run)
        await action.execute(undo, Told())
        assert action.world.wanted == {"payment-api": 3}


class TestShellOverSsh(ActionContract):
    faults = (
        Fault("login cut", lambda w: _fault(w, "close-at-login"), "failed", ("none",), is_retry=True),
        Fault("session refused", lambda w: _fault(w, "refuse-session"), "failed", ("none",), is_retry=True),
        Fault(
            "cut before exec", lambda w: _fault(w, "close-before-exec"), "failed", ("none",), is_retry=True
        ),
        Fault("exec refused", lambda w: _fault(w, "refuse-exec"), "failed", ("none",)),
        Fault("cut at exec", lambda w: _fault(w, "close-at-exec"), "unknown", ("unknown",)),
        Fault("cut after exec", lambda w: _fault(w, "close-after-exec"), "unknown", ("unknown",)),
        Fault("no exit status", lambda w: _fault(w, "no-status"), "unknown", ("unknown",)),
        Fault("not in time", lambda w: _fault(w, "hang"), "failed", ("unknown",), timeout_s=0.5),
        Fault(
            "host gone",
            lambda w: w.around.host.__aexit__(None, None, None),
            "failed",
            ("none",),
            is_retry=True,
        ),
        Fault("exit status 3", lambda w: _answer(w, Answer(status=3)), "failed", ("partial",)),
        Fault("killed", lambda w: _answer(w, Answer(signal="KILL")), "failed", ("partial",)),
        Fault("host key changed", lambda w: _other_key(w), "failed", ("none",)),
        Fault("host key unknown", lambda w: w.around.host.known_hosts.write_text(""), "failed", ("none",)),
        Fault("stopped before", lambda w: None, "failed", ("none",), stops_at_once=True),
    )

    @asynccontextmanager
    async def world(self, tmp_path: Any) -> AsyncIterator[World]:
        async with FakeHost(tmp_path) as host:
            hosts = {
                "web-1": Host(
                    name="web-1", environment=STAGING, address="127.0.0.1", port=host.port, user="deploy"
                )
            }
            bench = Bench(catalog=catalog(hosts=hosts, host_groups={}), ssh=host.pool())
            world = World(
                action=ShellAction(bench.tools),
                given={"command": "redis-cli FLUSHDB"},
                scope=bench.scope(),
                writes=lambda: len(host.commands),
            )
            world.around = SimpleNamespace(host=host)
            try:
                yield world
            finally:
                await bench.ssh.aclose()


class TestLocalShell(ActionContract):
    faults = (Fault("stopped before", lambda w: None, "failed", ("none",), stops_at_once=True),)

    @asynccontextmanager
    async def world(self, tmp_path: Any) -> AsyncIterator[World]:
        tmp_path.mkdir(exist_ok=True, parents=True)
        bench = Bench(
            catalog=catalog(allow_local_shell=True, local_environment=STAGING, hosts={}, services={})
        )
        mark = tmp_path / "written"
        yield World(
            action=ShellAction(bench.tools),
            given={"command": f"echo x >> {mark}"},
            scope=bench.scope(),
            writes=lambda: len(mark.read_text().splitlines()) if mark.exists() else 0,
        )


class TestHttp(ActionContract):
    faults = (
        Fault("server gone", lambda w: w.around.runner.cleanup(), "failed", ("none",), is_retry=True),
        Fault("404", lambda w: _status(w, 404), "failed", ("none",)),
        Fault("500", lambda w: _status(w, 500), "unknown", ("unknown",)),
        Fault("no answer", lambda w: _status(w, 0), "unknown", ("unknown",)),
        Fault("slow", lambda w: _status(w, -1), "unknown", ("unknown",), timeout_s=0.3),
        Fault("off the list now", lambda w: _set(w.around.bench, catalog=catalog()), "failed", ("none",)),
        Fault("secret gone", lambda w: w.around.bench.secrets.clear(), "failed", ("none",)),
    )

    @asynccontextmanager
    async def world(self, tmp_path: Any) -> AsyncIterator[World]:
        state: dict[str, Any] = {"status": 200, "posts": 0}
        never = asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            state["posts"] += 1
            if state["status"] == 0:
                assert request.transport is not None
                request.transport.abort()
            if state["status"] == -1:
                await never.wait()
            return web.Response(status=state["status"] or 200, text="done")

        app = web.Application()
        app.router.add_post("/restart", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        place = UrlHost(
            name="127.0.0.1", environment=STAGING, port=port, allow_private=True, allow_plain_http=True
        )
        bench = Bench(
            catalog=catalog(
                urls={f"127.0.0.1:{port}": place},
                secrets={"API_TOKEN": Secret(name="API_TOKEN", hosts=("127.0.0.1",))},
            )
        )
        world = World(
            action=HttpAction(bench.tools),
            given={
                "method": "POST",
                "url": f"http://127.0.0.1:{port}/restart",
                "headers": {"Authorization": "Bearer $API_TOKEN"},
                "body": {"replicas": 3},
            },
            scope=bench.scope(),
            writes=lambda: state["posts"],
        )
        world.around = SimpleNamespace(runner=runner, state=state, bench=bench)
        try:
            yield world
        finally:
            never.set()
            await runner.cleanup()


class TestSlack(ActionContract):
    faults = (
        Fault(
            "Slack is down",
            lambda w: _set(w.around.bench.posts, error=DeliveryError("slack is down")),
            "failed",
            ("none",),
            is_retry=True,
        ),
    )

    @asynccontextmanager
    async def world(self, tmp_path: Any) -> AsyncIterator[World]:
        bench = Bench()
        world = World(
            action=SlackAction(bench.tools),
            given={"message": "payments was restarted"},
            scope=bench.scope(),
            writes=lambda: len(bench.posts.by_key),
            changes_something=False,
        )
        world.around = SimpleNamespace(bench=bench)
        yield world


_CACHE = """
from bot.guard import allowed_envs, require_confirmation, shell

@require_confirmation(message="Clear the cache?", timeout=600)
@allowed_envs(["staging"])
def clear(pattern: str) -> str:
    print("clearing")
    return shell(["redis-cli", "DEL", pattern])
"""


class TestPython(ActionContract):
    faults = (
        Fault("source changed", lambda w: w.around.file.write_text(_CACHE + "\n"), "failed", ("none",)),
        Fault("source gone", lambda w: w.around.file.unlink(), "failed", ("none",)),
        Fault("turned off", lambda w: _turn_off(w), "failed", ("none",)),
        Fault("command fails", lambda w: _answer(w, Answer(status=1)), "failed", ("partial",)),
        Fault("command lost", lambda w: _fault(w, "close-after-exec"), "unknown", ("unknown",)),
        Fault("not in time", lambda w: _fault(w, "hang"), "failed", ("unknown",), timeout_s=2.0),
        Fault("stopped", lambda w: None, "failed", ("unknown",), stops_at_once=True),
    )

    @asynccontextmanager
    async def world(self, tmp_path: Any) -> AsyncIterator[World]:
        root: Path = tmp_path / "runbooks"
        (root / "actions").mkdir(parents=True)
        file = root / "actions" / "cache.py"
        file.write_text(_CACHE)
        async with FakeHost(tmp_path / "host") as host:
            hosts = {
                "web-1": Host(
                    name="web-1", environment=STAGING, address="127.0.0.1", port=host.port, user="deploy"
                )
            }
            bench = Bench(
                catalog=catalog(hosts=hosts, host_groups={}, python_actions=True, root=str(root)),
                ssh=host.pool(),
            )
            world = World(
                action=PythonAction(bench.tools),
                given={"function": "cache.clear", "arguments": {"pattern": "session:*"}},
                scope=bench.scope(),
                writes=lambda: len(host.commands),
            )
            world.around = SimpleNamespace(host=host, file=file, bench=bench)
            try:
                yield world
            finally:
                await bench.ssh.aclose()


def test_every_type_of_the_registry_is_held_to_the_contract() -> None:
    held = {"shell", "http", "slack", "python", "kubernetes", "diagnose"}
    assert set(registry.TYPES) == held


def _set(thing: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(thing, name, value)


def _fault(world: Any, fault: str) -> None:
    world.around.host.fault = fault


def _answer(world: Any, answer: Answer) -> None:
    world.around.host.fallback = lambda _command: answer


def _status(world: Any, status: int) -> None:
    world.around.state["status"] = status


def _other_key(world: Any) -> None:
    import asyncssh

    world.around.host.trust(asyncssh.generate_private_key("ssh-ed25519"))


def _turn_off(world: Any) -> None:
    world.around.bench.catalog = world.around.bench.catalog.model_copy(update={"python_actions": False})

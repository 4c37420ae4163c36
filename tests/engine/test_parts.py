"""A fleet whose first batch is confirmed alone: two proposals of one step, over a real journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.actions.shell import ShellAction
from bot.actions.tools import Tools
from bot.catalog.schema import Catalog, Host, Rollback, Rules, Step
from bot.clients.command import Ran
from bot.errors import ActionRetry
from bot.runs.events import StepKey, StepStarted
from tests.engine.house import ALICE, BOB, UNATTENDED, House, catalog, runbook

NAMES = ("web-1", "web-2", "web-3", "web-4", "web-5")


@dataclass
class Hosts:
    """Stands where the SSH pool stands: remembers what ran where."""

    ran: list[tuple[str, str]] = field(default_factory=list)
    status: dict[tuple[str, str], int] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)

    async def reach(self, host: Any) -> str:
        return "a host"

    async def run(self, host: Any, command: str, **_: Any) -> Ran:
        await asyncio.sleep(0)
        if host.name in self.away:
            raise ActionRetry(f"{host.name} cannot be reached; nothing was sent")
        self.ran.append((host.name, command))
        return Ran(
            ending="exited", status=self.status.get((host.name, command), 0), output="", duration_s=0.1
        )

    def on(self, command: str) -> list[str]:
        return sorted(name for name, what in self.ran if what == command)


def files(hosts: tuple[str, ...] = NAMES, **more: Any) -> Catalog:
    given = {"command": "upgrade", "hosts": "web", "batch": 2, "confirm_after_first_batch": True}
    back = Step(name="back", type="shell", input={"command": "downgrade", "hosts": "web"}, digest="b")
    rules = more.pop("rules", Rules(approvers=("U0ALICE", "bob@acme.example")))
    upgrade = Step(
        name="upgrade", type="shell", input=given, rules=rules, digest="u", rollback=Rollback(step=back)
    )
    return catalog(
        runbook("roll-out", upgrade, **more),
        hosts={name: Host(name=name, environment="staging") for name in NAMES},
        host_groups={"web": hosts},
    )


Opened = Callable[..., Awaitable[House]]


@pytest.fixture
def hosts() -> Hosts:
    return Hosts()


@pytest.fixture
async def opened(tmp_path: Path, hosts: Hosts) -> AsyncIterator[Opened]:
    houses: list[House] = []

    async def open_house(made: Catalog) -> House:
        house: House | None = None
        tools = Tools(
            catalog=lambda: house.catalog if house is not None else made,
            ssh=lambda: hosts,  # type: ignore[arg-type, return-value]
            http=lambda: None,  # type: ignore[arg-type, return-value]
            post=None,  # type: ignore[arg-type]
            secret=str,
        )
        house = await House.open(tmp_path / "journal.db", made, action=ShellAction(tools))  # type: ignore[arg-type]
        houses.append(house)
        return house

    yield open_house
    for house in houses:
        await house.close()


async def second_asked(house: House, run_id: Any) -> Any:
    return await house.until_run(
        run_id,
        lambda run: (
            run.current is not None and len(run.current.proposals) == 2 and run.open_proposal is not None
        ),
    )


async def test_the_first_batch_runs_alone_and_the_others_after_a_second_approval(
    opened: Opened, hosts: Hosts
) -> None:
    house = await opened(files())
    run = await house.asked(await house.start("roll-out", ALICE))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await second_asked(house, run.id)
    assert hosts.on("upgrade") == ["web-1", "web-2"]
    assert run.open_proposal.made.reason.startswith("the part before succeeded: 2 hosts done")
    assert run.open_proposal.made.plan.part == "part 2 of 2: the other 3 of 5 hosts"
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.finished(run.id)
    assert run.status == "succeeded"
    assert hosts.on("upgrade") == list(NAMES)


async def test_a_tag_that_lets_the_first_batch_run_does_not_let_the_others(
    opened: Opened, hosts: Hosts
) -> None:
    house = await opened(files(rules=UNATTENDED))
    run_id = await house.start("roll-out", ALICE)
    run = await second_asked(house, run_id)
    assert hosts.on("upgrade") == ["web-1", "web-2"]
    assert run.open_proposal.made.asked.unattended is False
    assert not run.open_proposal.has_quorum


async def test_a_group_that_changes_between_the_parts_makes_a_new_proposal(
    opened: Opened, hosts: Hosts
) -> None:
    house = await opened(files(NAMES[:4]))
    run = await house.asked(await house.start("roll-out", ALICE))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await second_asked(house, run.id)
    house.put_in_force(files(NAMES))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.until_run(run.id, lambda one: len(one.steps[StepKey()].proposals) == 3)
    assert run.open_proposal is not None
    assert hosts.on("upgrade") == ["web-1", "web-2"]
    assert [one.name for one in run.open_proposal.made.plan.targets] == ["web-3", "web-4", "web-5"]
    await house.operations.approve(house.ref_of(run), BOB)
    await house.finished(run.id)
    assert hosts.on("upgrade") == list(NAMES)


async def test_what_is_rolled_back_is_what_was_touched_in_both_parts(opened: Opened, hosts: Hosts) -> None:
    hosts.status["web-4", "upgrade"] = 1
    hosts.away.add("web-3")
    house = await opened(files(rollback_on_failure=True))
    run = await house.asked(await house.start("roll-out", ALICE))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await second_asked(house, run.id)
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.finished(run.id)
    assert run.status == "rolled_back"
    assert hosts.on("upgrade") == ["web-1", "web-2", "web-4"]
    assert hosts.on("downgrade") == ["web-1", "web-2", "web-4"]


async def test_a_first_batch_that_fails_is_the_end_of_it(opened: Opened, hosts: Hosts) -> None:
    hosts.status["web-1", "upgrade"] = 1
    house = await opened(files())
    run = await house.asked(await house.start("roll-out", ALICE))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.finished(run.id)
    assert run.status == "failed"
    assert hosts.on("upgrade") == ["web-1", "web-2"]
    await house.operations.undo(run.id, ALICE)
    await house.until_run(run.id, lambda one: one.status == "rolled_back")
    assert hosts.on("downgrade") == ["web-1", "web-2"]


async def test_a_dry_run_goes_over_all_hosts_at_once(opened: Opened, hosts: Hosts) -> None:
    house = await opened(files())
    run = await house.finished(await house.start("roll-out", ALICE, dry_run=True))
    assert run.status == "succeeded"
    assert hosts.ran == []
    (started,) = [event for event in run.events if isinstance(event, StepStarted)]
    assert len(started.plan.targets) == 5

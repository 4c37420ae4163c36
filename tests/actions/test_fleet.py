"""Many hosts: batches, when they stop, what is said of each, and the first batch that is approved alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.actions.base import OUTPUT_LIMIT_BYTES, Plan, Target
from bot.actions.fleet import (
    AT_ONCE,
    HostLines,
    OnHost,
    Pace,
    batch_size,
    fair_share,
    in_batches,
    summed,
)
from bot.actions.shell import ShellAction, ShellInput
from bot.catalog.schema import Host
from bot.errors import ActionFailed, ActionRetry, ActionUnknown, BadInput
from tests.fakes.actions import STAGING, Bench, Told, catalog
from tests.fakes.ssh_server import Answer, FakeHost


def fleet(count: int) -> list[Target]:
    return [
        Target(kind="host", name=f"web-{number}", environment="staging") for number in range(1, count + 1)
    ]


def fine(target: Target) -> OnHost:
    return OnHost(host=target.name, verdict="succeeded", effect="applied", text="exit status 0")


def broken(target: Target) -> OnHost:
    return OnHost(host=target.name, verdict="failed", effect="partial", text="exit status 1")


class Rounds:
    """Answers for each host, and how many were worked on at the same time."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = answers or {}
        self.running = 0
        self.most = 0
        self.order: list[str] = []
        self.notes: list[str] = []

    async def __call__(self, target: Target) -> OnHost:
        self.running += 1
        self.most = max(self.most, self.running)
        self.order.append(target.name)
        await asyncio.sleep(0)
        self.running -= 1
        answer = self.answers.get(target.name, fine)
        if isinstance(answer, Exception):
            raise answer
        made: OnHost = answer(target)
        return made

    async def go(self, targets: list[Target], *, pace: Pace, **more: Any) -> Any:
        results = await in_batches(targets, self, pace=pace, note=self.notes.append, **more)
        return summed(targets, results, max_failures=pace.max_failures)


@pytest.mark.parametrize(
    ("batch", "hosts", "size"),
    [
        (None, 50, 1),
        (1, 50, 1),
        (7, 50, 7),
        (70, 50, 50),
        ("25%", 50, 12),
        ("1%", 50, 1),
        ("100%", 3, 3),
        ("99%", 1, 1),
    ],
)
def test_a_batch_is_a_number_or_a_part_rounded_down(batch: Any, hosts: int, size: int) -> None:
    assert batch_size(batch, hosts) == size


@pytest.mark.parametrize("batch", [0, -1, "0%", "101%", "5 %", "half", "", "1.5%", 2.5, True, "-3", "٣"])
def test_a_batch_that_means_nothing_is_refused(batch: Any) -> None:
    with pytest.raises(ValidationError):
        ShellInput.model_validate({"command": "x", "hosts": "web", "batch": batch})


def test_a_batch_may_come_out_of_a_placeholder_as_text() -> None:
    assert ShellInput.model_validate({"command": "x", "batch": "3"}).batch == 3
    with pytest.raises(ValidationError):
        ShellInput.model_validate({"command": "x", "max_failures": -1})


async def test_hosts_of_a_batch_run_together_and_never_more_than_twenty() -> None:
    rounds = Rounds()
    outcome = await rounds.go(fleet(50), pace=Pace(batch=50))
    assert (outcome.verdict, outcome.effect, outcome.summary) == ("succeeded", "applied", "50 hosts done")
    assert rounds.most == AT_ONCE
    assert rounds.notes[-1] == "50 of 50 hosts"


async def test_one_after_the_other_is_what_happens_when_nothing_is_said() -> None:
    rounds = Rounds()
    await rounds.go(fleet(5), pace=Pace())
    assert rounds.most == 1
    assert rounds.order == [f"web-{number}" for number in range(1, 6)]


async def test_the_first_failure_ends_it_after_the_batch_that_runs() -> None:
    rounds = Rounds({"web-2": broken})
    outcome = await rounds.go(fleet(6), pace=Pace(batch=3))
    assert rounds.order == ["web-1", "web-2", "web-3"]
    assert (outcome.verdict, outcome.effect) == ("failed", "partial")
    assert outcome.summary == ("web-2: exit status 1; 2 of 6 hosts done; not touched: web-4, web-5, web-6")
    assert outcome.undo_fill == {"touched": ["host:web-1", "host:web-2", "host:web-3"]}
    assert rounds.notes[-1] == "3 of 6 hosts, 1 failed"


async def test_failures_up_to_the_limit_are_borne_and_named() -> None:
    rounds = Rounds({"web-2": broken, "web-3": ActionRetry("web-3 cannot be reached")})
    outcome = await rounds.go(fleet(5), pace=Pace(batch=2, max_failures=2))
    assert (outcome.verdict, outcome.effect) == ("succeeded", "partial")
    assert outcome.summary.startswith("3 of 5 hosts done, 2 failed, as many as are allowed")
    assert "; web-3 cannot be reached" in outcome.summary
    assert "host:web-3" not in outcome.undo_fill["touched"]


async def test_one_failure_too_many_fails_the_step_even_in_the_last_batch() -> None:
    rounds = Rounds({"web-4": broken, "web-5": broken})
    outcome = await rounds.go(fleet(5), pace=Pace(batch=5, max_failures=1))
    assert (outcome.verdict, outcome.effect) == ("failed", "partial")


async def test_one_host_nobody_knows_about_makes_the_step_unknown_and_ends_it() -> None:
    rounds = Rounds({"web-2": ActionUnknown("the connection was lost")})
    outcome = await rounds.go(fleet(4), pace=Pace(batch=1, max_failures=3))
    assert (outcome.verdict, outcome.effect) == ("unknown", "unknown")
    assert outcome.summary.startswith("web-2: the connection was lost; 1 of 4 hosts done")
    assert "not touched: web-3, web-4" in outcome.summary
    assert outcome.undo_fill == {"touched": ["host:web-1", "host:web-2"]}


async def test_a_stop_leaves_the_other_hosts_alone_and_lists_them() -> None:
    rounds = Rounds()
    outcome = await rounds.go(fleet(4), pace=Pace(batch=2), is_over=lambda: bool(rounds.notes))
    assert len(rounds.order) == 2
    assert (outcome.verdict, outcome.effect) == ("failed", "partial")
    assert outcome.summary == "2 of 4 hosts done; not touched: web-3, web-4"


async def test_a_step_that_is_over_before_it_begins_touches_nothing() -> None:
    with pytest.raises(ActionFailed, match="nothing was sent") as caught:
        await Rounds().go(fleet(2), pace=Pace(), is_over=lambda: True)
    assert caught.value.effect == "none"


async def test_hosts_that_all_cannot_be_reached_leave_no_effect() -> None:
    away = {f"web-{number}": ActionRetry(f"web-{number} cannot be reached") for number in range(1, 4)}
    outcome = await Rounds(away).go(fleet(3), pace=Pace(batch=3))
    assert (outcome.verdict, outcome.effect) == ("failed", "none")
    assert outcome.undo_fill == {"touched": []}


def test_a_chatty_host_does_not_hide_the_others() -> None:
    targets = fleet(50)
    results = {target.name: fine(target) for target in targets}
    results["web-7"] = replace(results["web-7"], output="noise and more noise\n" * 100_000)
    results["web-8"] = replace(results["web-8"], output="what matters\n")
    output = summed(targets, results, max_failures=0).output
    assert len(output.encode()) <= OUTPUT_LIMIT_BYTES + 200
    assert "what matters" in output
    assert output.count("── web-") == 50
    assert "bytes cut here" in output


def test_hosts_that_failed_and_those_never_touched_stand_at_the_end_of_the_output() -> None:
    targets = fleet(4)
    results = {"web-1": broken(targets[0]), "web-2": fine(targets[1])}
    output = summed(targets, results, max_failures=0).output
    assert output == ("── web-2: exit status 0\n── web-1: exit status 1\n── not touched: web-3, web-4\n")


def test_a_long_list_of_names_is_whole_in_the_output() -> None:
    targets = fleet(60)
    outcome = summed(targets, {"web-1": broken(targets[0])}, max_failures=0)
    assert "and 39 more" in outcome.summary
    assert "web-60" in outcome.output


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=30), st.integers(0, 20_000))
def test_shares_fit_together_and_leave_nothing_that_somebody_needs(sizes: list[int], total: int) -> None:
    share = fair_share(sizes, total=total)
    used = sum(min(size, share) for size in sizes)
    assert used <= total
    if max(sizes) > share:
        assert used > total - len(sizes)


def test_lines_of_one_host_carry_its_name_and_no_private_key() -> None:
    told: list[str] = []
    first, second = HostLines("a", told.append), HostLines("b", told.append)
    first.feed("one\ntw")
    second.feed("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    first.feed("o\n-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n")
    second.feed("CCCC\n-----END OPENSSH PRIVATE KEY-----\nend")
    second.finish()
    text = "".join(told)
    assert "a: one\n" in text
    assert "a: two\n" in text
    assert "b: end\n" in text
    assert not {"AAAA", "BBBB", "CCCC"} & set(text.replace(":", " ").split())


# ---------------------------------------------------------------- the shell step


def bench_of(count: int, **places: Host) -> Bench:
    names = [f"web-{number}" for number in range(1, count + 1)]
    hosts = {name: Host(name=name, environment=STAGING) for name in names} | places
    return Bench(catalog=catalog(hosts=hosts, host_groups={"web": tuple(names)}))


async def plan_for(bench: Bench, *, after: dict[str, Any] | None = None, **given: Any) -> Plan:
    scope = bench.scope(after=after or {})
    return await ShellAction(bench.tools).plan(ShellInput.model_validate({"command": "x", **given}), scope)


async def test_the_pace_stands_on_the_card_and_in_the_digest() -> None:
    bench = bench_of(8)
    slow = await plan_for(bench, hosts="web")
    fast = await plan_for(bench, hosts="web", batch="25%", max_failures=2)
    assert "pace" not in slow.shown
    assert fast.shown["pace"] == "2 hosts at a time; stops when more than 2 failed"
    assert slow.digest != fast.digest
    assert fast.text == "run x on 8 hosts (web-1, web-2, web-3, …)"
    assert len(fast.will_run) == 8


async def test_the_first_batch_is_a_part_of_its_own_and_the_others_follow() -> None:
    bench = bench_of(5)
    settings: dict[str, Any] = {
        "hosts": "web",
        "batch": 2,
        "max_failures": 1,
        "confirm_after_first_batch": True,
    }
    first = await plan_for(bench, **settings)
    assert [target.name for target in first.targets] == ["web-1", "web-2"]
    assert first.part == "part 1 of 2: the first 2 of 5 hosts"
    assert first.input.get("max_failures") is None
    second = await plan_for(bench, after=first.more, **settings)
    assert [target.name for target in second.targets] == ["web-3", "web-4", "web-5"]
    assert second.part == "part 2 of 2: the other 3 of 5 hosts"
    assert second.input["max_failures"] == 1
    assert second.more == {}


async def test_a_host_that_joins_the_group_between_the_parts_is_among_the_others() -> None:
    settings: dict[str, Any] = {"hosts": "web", "confirm_after_first_batch": True}
    first = await plan_for(bench_of(2), **settings)
    second = await plan_for(bench_of(3), after=first.more, **settings)
    assert [target.name for target in second.targets] == ["web-2", "web-3"]
    with pytest.raises(BadInput, match="no host is left"):
        await plan_for(bench_of(1), after=first.more, **settings)


async def test_a_fleet_that_is_one_batch_is_asked_for_once() -> None:
    plan = await plan_for(bench_of(3), hosts="web", batch="100%", confirm_after_first_batch=True)
    assert (plan.more, plan.part, len(plan.targets)) == ({}, "", 3)


async def test_an_input_made_concrete_can_be_planned_again() -> None:
    bench = bench_of(5)
    plan = await plan_for(bench, hosts="web", batch="50%", max_failures=1)
    again = await plan_for(bench, **plan.input)
    assert again.digest == plan.digest


async def test_output_of_several_hosts_is_streamed_under_their_names(tmp_path: Path) -> None:
    async with FakeHost(tmp_path, answers={"x": Answer(output=b"up\n")}) as fake:
        where = {"address": "127.0.0.1", "port": fake.port, "user": "deploy", "environment": STAGING}
        bench = bench_of(3, **{name: Host(name=name, **where) for name in ("web-1", "web-2", "web-3")})
        bench.ssh = fake.pool()
        told = Told()
        outcome = await ShellAction(bench.tools).execute(await plan_for(bench, hosts="web", batch=3), told)
        await bench.ssh.aclose()
    assert outcome.verdict == "succeeded"
    assert sorted(told.text.splitlines()) == ["web-1: up", "web-2: up", "web-3: up"]
    assert outcome.output.count("\nup\n") == 3


async def test_a_dry_run_names_every_host_that_cannot_be_reached(tmp_path: Path) -> None:
    async with FakeHost(tmp_path) as fake:
        up = Host(name="web-2", environment=STAGING, address="127.0.0.1", port=fake.port, user="deploy")
        away = {
            name: Host(name=name, environment=STAGING, address="127.0.0.1", port=1)
            for name in ("web-1", "web-3")
        }
        bench = bench_of(3, **{"web-2": up}, **away)
        bench.ssh = fake.pool()
        outcome = await ShellAction(bench.tools).dry_run(await plan_for(bench, hosts="web"))
        await bench.ssh.aclose()
    assert (outcome.verdict, outcome.effect) == ("failed", "none")
    assert outcome.summary.startswith("web-1 (127.0.0.1:1) cannot be reached: connection refused")
    assert "web-3 (127.0.0.1:1) cannot be reached" in outcome.summary
    assert "── web-2: would run 'x'" in outcome.output
    assert (fake.logins, fake.commands) == (1, [])

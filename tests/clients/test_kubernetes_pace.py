"""The request rate to a cluster: what the cluster counts never runs over, however late requests and answers are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.clients.kubernetes import Clusters
from bot.clients.kubernetes.pace import Pace
from bot.sandbox.cluster.server import Cluster
from tests.actions.kubernetes_ground import PLACE
from tests.fakes.buckets import fullest


class Hours:
    """A clock that moves when somebody sleeps on it, and wakes the sleepers in order."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now_s + seconds, len(self.slept), waking))
        await waking

    async def drive(self, is_over: Callable[[], bool]) -> None:
        """Let everybody run as far as they can, then move to the next who wakes."""
        while not is_over():
            for _ in range(20):
                await asyncio.sleep(0)
            if self._sleepers and not is_over():
                self._sleepers.sort(key=lambda one: one[:2])
                at, _, waking = self._sleepers.pop(0)
                self.now_s = max(self.now_s, at)
                if not waking.done():
                    waking.set_result(None)


async def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    hours = Hours()
    pace = Pace(requests_per_s=10, burst=3, now=hours.now, sleep=hours.sleep)
    went: list[float] = []

    async def one() -> None:
        async with pace.turn(within_s=60) as is_turn:
            assert is_turn
            went.append(round(hours.now_s - 100, 3))

    asking = asyncio.gather(*(one() for _ in range(6)))
    await hours.drive(asking.done)
    assert went == [0, 0, 0, 0.1, 0.2, 0.3]


async def test_a_turn_that_is_too_far_away_is_not_taken() -> None:
    hours = Hours()
    pace = Pace(requests_per_s=10, burst=2, now=hours.now, sleep=hours.sleep)
    for _ in range(2):
        async with pace.turn(within_s=0) as is_turn:
            assert is_turn
    async with pace.turn(within_s=0.05) as is_turn:
        assert not is_turn
    hours.now_s += 0.1
    async with pace.turn(within_s=0.0) as is_turn:
        assert is_turn, "nothing was taken by the one that was refused"


async def test_an_answer_that_does_not_come_holds_its_place() -> None:
    hours = Hours()
    pace = Pace(requests_per_s=10, burst=1, now=hours.now, sleep=hours.sleep)
    async with pace.turn(within_s=1):
        hours.now_s += 3600
        async with pace.turn(within_s=0.05) as second:
            assert not second


async def test_whoever_gives_up_in_the_line_leaves_the_turn_to_the_next() -> None:
    hours = Hours()
    pace = Pace(requests_per_s=10, burst=1, now=hours.now, sleep=hours.sleep)

    async def one() -> bool:
        async with pace.turn(within_s=60) as is_turn:
            return is_turn

    assert await one()
    first, second = asyncio.create_task(one()), asyncio.create_task(one())
    await asyncio.sleep(0)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    await hours.drive(second.done)
    assert second.result()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=25),
    st.integers(1, 5),
    st.floats(0.5, 50),
)
def test_no_delay_on_the_way_lets_the_far_side_count_more(
    sent: list[tuple[float, float, float]], burst: int, requests_per_s: float
) -> None:
    arrived: list[float] = []

    async def all_of_them() -> None:
        hours = Hours()
        pace = Pace(requests_per_s=requests_per_s, burst=burst, now=hours.now, sleep=hours.sleep)

        async def one(asked_s: float, way_s: float, back_s: float) -> None:
            await hours.sleep(asked_s)
            async with pace.turn(within_s=10_000):
                await hours.sleep(way_s)
                arrived.append(hours.now_s)
                await hours.sleep(back_s)

        asking = asyncio.gather(*(one(*times) for times in sent))
        await hours.drive(asking.done)
        await asking

    asyncio.run(all_of_them())
    assert len(arrived) == len(sent)
    assert fullest(arrived, requests_per_s=requests_per_s) <= burst + 1e-6


async def test_the_cluster_counts_no_more_than_the_settings_say(tmp_path: Path) -> None:
    async with Cluster() as cluster:
        cluster.deployment("payments", "api")
        kubeconfig = str(cluster.write_kubeconfig(tmp_path / "kubeconfig"))
        clusters = Clusters(kubeconfig=kubeconfig, requests_per_s=100, burst=5)
        reader = clusters.reader(PLACE)
        await asyncio.gather(
            *(reader.get("/apis/apps/v1/namespaces/payments/deployments/api") for _ in range(60))
        )
        await clusters.aclose()
        times = [one.at for one in cluster.requests]
    assert len(times) == 60
    assert fullest(times, requests_per_s=100) <= 5

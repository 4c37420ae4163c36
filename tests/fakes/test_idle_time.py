"""The loop that tests run on: what counts as time, and what does not."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.fakes.idle_time import SLICE_S, IdleTimeLoop


async def test_tests_run_on_it() -> None:
    assert isinstance(asyncio.get_running_loop(), IdleTimeLoop)


async def test_work_is_no_time() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    time.sleep(SLICE_S * 3)  # noqa: ASYNC251 - a machine that is busy with something else
    assert loop.time() - began < SLICE_S


async def test_an_answer_that_is_worked_on_is_waited_for() -> None:
    answer = asyncio.get_running_loop().create_future()

    async def work() -> None:
        for _ in range(5):
            time.sleep(SLICE_S)  # noqa: ASYNC251
            await asyncio.sleep(0)
        answer.set_result("done")

    working = asyncio.create_task(work())
    assert await asyncio.wait_for(answer, SLICE_S) == "done"
    await working


async def test_an_answer_that_never_comes_is_given_up_on() -> None:
    wall = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), SLICE_S * 2.5)
    assert time.monotonic() - wall >= SLICE_S * 2

"""`kill -9` between Slack's answer and our record, and around every other thing delivery writes down.

A process tells a story to a real local workspace over HTTP and ends itself before or after the n-th record: the
root, replies, updates, a file, the opening of the thread. Another process goes on. The thread must then show every
message that follows from the journal exactly once and in order, as it reads when nobody is killed.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.server import Sandbox
from tests.engine.killed_child import turns_of
from tests.engine.killing import When
from tests.engine.nursery import Nursery, nursery_of

CHANNEL = "C0INC"
STRIDE = 4
AT_LEAST = 20
"""Fewer records than this, and the story is not what it was meant to be."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with nursery_of("tests.stories.killed_teller") as nursery:
        yield nursery


def workspace() -> Sandbox:
    return Sandbox(share_delay_s=0.0)


def place_of(slack: Sandbox) -> dict[str, str]:
    return {"base_url": slack.base_url, "token": slack.bot_token}


def assert_said_once_and_in_order(slack: Sandbox, folder: Path) -> None:
    said: list[dict[str, Any]] = json.loads((folder / "said").read_text())
    shown = slack.messages(CHANNEL)
    keys = [key_of(message, said) for message in shown]
    assert Counter(keys) == Counter(one["key"] for one in said), "something twice, lost or foreign"
    assert keys == [one["key"] for one in said], "out of order"
    for message, one in zip(shown, said, strict=True):
        assert message["text"] == one["text"] or one["title"], one["key"]
    assert len({message.get("thread_ts", message["ts"]) for message in shown}) == 1
    assert turns_of(folder / "world") == [("a", 1), ("b", 1)]


def key_of(message: dict[str, Any], said: list[dict[str, Any]]) -> str:
    """By its metadata, or a file by its title, as delivery finds it again."""
    titles = [file["title"] for file in message.get("files") or ()]
    for one in said:
        if one["title"] and any(title.endswith(one["title"]) for title in titles):
            return str(one["key"])
    return str(message["metadata"]["event_payload"]["key"])


async def test_the_story_that_nobody_kills_posts_a_root_replies_updates_and_a_file(
    nursery: Nursery, tmp_path: Path
) -> None:
    async with workspace() as slack:
        await asyncio.to_thread(nursery.see_it_through, tmp_path, **place_of(slack))
        assert_said_once_and_in_order(slack, tmp_path)
        told = (tmp_path / "told").read_text().splitlines()
        assert len(told) >= AT_LEAST
        assert "append ThreadOpened" in told
        assert slack.calls.of("chat.update")
        assert slack.calls.of("files.completeUploadExternal")
        root = slack.messages(CHANNEL)[0]
        assert "thread_ts" not in root or root["thread_ts"] == root["ts"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("first", range(1, STRIDE + 1))
async def test_killed_at_every_record_nothing_is_said_twice_and_nothing_is_lost(
    nursery: Nursery, tmp_path: Path, first: int, when: When
) -> None:
    for at in range(first, 20 * AT_LEAST, STRIDE):
        folder = tmp_path / str(at)
        folder.mkdir()
        async with workspace() as slack:
            code = await asyncio.to_thread(nursery.raise_one, folder, at=at, when=when, **place_of(slack))
            if code == 0:  # everything was said before it came to that record
                break
            assert code == -signal.SIGKILL, f"{when} record {at}: {code}"
            await asyncio.to_thread(nursery.see_it_through, folder, **place_of(slack))
            try:
                assert_said_once_and_in_order(slack, folder)
            except AssertionError as trouble:
                trouble.add_note(f"killed {when} record {at}")
                raise
    assert at >= AT_LEAST

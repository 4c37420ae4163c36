"""Golden files: what the thread must say, word for word. `UPDATE_GOLDEN=1 pytest tests/slack` writes them anew."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from bot.slack.message import Message
from bot.slack.transcript import transcript
from tests.slack.stage import NAMES

FOLDER = Path(__file__).parent / "golden"


def check_transcript(name: str, messages: Sequence[Message]) -> None:
    """The messages read aloud are those of `golden/NAME.txt`."""
    _check(FOLDER / f"{name}.txt", transcript(messages, names=NAMES))


def check_blocks(name: str, messages: Sequence[Message]) -> None:
    """The messages as Slack gets them are those of `golden/NAME.json`."""
    shown = [
        {
            "key": one.key,
            "place": one.place,
            "live": one.live,
            "text": one.text,
            "blocks": one.blocks,
            "metadata": one.metadata,
        }
        for one in messages
    ]
    _check(FOLDER / f"{name}.json", json.dumps(shown, indent=1, ensure_ascii=False) + "\n")


def _check(path: Path, found: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == found

"""The events as they were once stored; `python -m tests.journal.golden` adds what samples.py has and they lack.

Entries are never changed or removed: each stands for events in journals of people who run older versions.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.journal.samples import ALL_EVENTS, codec

GOLDEN = Path(__file__).with_name("golden_events.json")


def stored_examples() -> list[dict[str, Any]]:
    """Every entry: name, v, at, body."""
    entries: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return entries


def main() -> None:
    """Add the samples that no entry holds yet."""
    entries = stored_examples()
    for event in ALL_EVENTS:
        text, _ = codec().encode(event)
        entry = {"name": text.name, "v": text.v, "at": text.at, "body": json.loads(text.body)}
        if entry not in entries:
            entries.append(entry)
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    GOLDEN.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()

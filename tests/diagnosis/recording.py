"""Records the corpus: `python -m tests.diagnosis.recording [NAME…]` reads every scene from a stand-in cluster anew.

The objects of most scenes are written by hand after the shape of real ones (Kubernetes 1.31) and held still in the
stand-in cluster; those in `living` come from its own controllers at work. Either way the evidence is what the
collector read over HTTP. The first kind comes out the same every time, which a test holds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.diagnosis.evidence import Evidence
from tests.diagnosis.corpus import RECORDED
from tests.diagnosis.living import LIVING
from tests.diagnosis.scenes import SCENES, Scene
from tests.diagnosis.staging import placed, read


async def recorded(scene: Scene, folder: Path) -> Evidence:
    """One scene as it is read from the cluster."""
    made = scene.make()
    async with placed(made) as cluster:
        return await read(made, cluster, folder)


def text(evidence: Evidence, *, source: str, expected: tuple[str, ...], besides: tuple[str, ...]) -> str:
    """A file of the corpus: a line for each item, so that a change is seen as one."""
    told = evidence.as_json()
    return "\n".join(
        [
            "{",
            *(f'"{key}": {_line(value)},' for key, value in (("source", source), ("expected", expected))),
            f'"besides": {_line(besides)},',
            '"evidence": {',
            *(f'"{key}": {_line(told[key])},' for key in ("subject", "taken_at", "gaps", "read")),
            '"items": [',
            *_items(told["items"]),
            "]}}",
            "",
        ]
    )


def _items(items: list[Any]) -> Iterator[str]:
    last = len(items) - 1
    return (f"{_line(one)}{'' if place == last else ','}" for place, one in enumerate(items))


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


async def _record(names: list[str], folder: Path) -> None:
    for scene in SCENES:
        if not names or scene.name in names:
            evidence = await recorded(scene, folder)
            content = text(evidence, source="by hand", expected=scene.expected, besides=scene.besides)
            (RECORDED / f"{scene.name}.json").write_text(content, encoding="utf-8")
            print(scene.name)
    for living in LIVING:
        if not names or living.name in names:
            evidence = await living.read(folder)
            content = text(evidence, source="stand-in", expected=living.expected, besides=living.besides)
            (RECORDED / f"{living.name}.json").write_text(content, encoding="utf-8")
            print(living.name)


def main() -> None:
    """Record those named, or all."""
    RECORDED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_record(sys.argv[1:], Path(folder)))


if __name__ == "__main__":
    main()

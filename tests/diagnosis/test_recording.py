"""The corpus is what the bot reads of a cluster today, with reads alone, and no Secret is among them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.diagnosis.findings import DEPTH, HEALTHY, analyze
from tests.diagnosis.corpus import RECORDED, cases
from tests.diagnosis.living import LIVING, Living
from tests.diagnosis.recording import text
from tests.diagnosis.scenes import SCENES, Scene
from tests.diagnosis.staging import READS, placed, read


@pytest.mark.parametrize("scene", SCENES, ids=[one.name for one in SCENES])
async def test_a_scene_is_read_as_it_was_recorded_and_only_with_reads(scene: Scene, tmp_path: Path) -> None:
    made = scene.make()
    async with placed(made) as cluster:
        evidence = await read(made, cluster, tmp_path)
        asked = [*cluster.requests.of()]
    assert {one.verb for one in asked} <= READS
    assert not [one.line for one in asked if one.resource.startswith("secrets")]
    now = text(evidence, source="by hand", expected=scene.expected, besides=scene.besides)
    before = (RECORDED / f"{scene.name}.json").read_text(encoding="utf-8")
    assert json.loads(now) == json.loads(before), "python -m tests.diagnosis.recording records it anew"


@pytest.mark.parametrize("living", LIVING, ids=[one.name for one in LIVING])
async def test_what_the_controllers_make_is_named_right_each_time(living: Living, tmp_path: Path) -> None:
    found = [one.kind for one in analyze(await living.read(tmp_path))]
    assert found[:1] == list(living.expected[:1])
    assert set(living.expected) <= set(found)


def test_the_corpus_holds_every_class_enough_cases_and_controls() -> None:
    corpus = list(cases())
    assert len(corpus) >= 60
    assert {case.name for case in corpus} == {*(one.name for one in SCENES), *(one.name for one in LIVING)}
    assert sum(case.expected == (HEALTHY,) for case in corpus) >= 3
    assert sum(len(case.expected) > 1 for case in corpus) >= 10
    assert {kind for case in corpus for kind in case.expected} == set(DEPTH)

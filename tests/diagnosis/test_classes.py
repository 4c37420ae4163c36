"""The words for each class of failure."""

from __future__ import annotations

from bot.diagnosis.findings import DEPTH
from bot.diagnosis.findings.classes import CLASSES, called, symptoms_of
from bot.intake import symptoms


def test_every_class_has_words_of_its_own() -> None:
    assert set(CLASSES) == set(DEPTH)
    assert len({called(kind) for kind in CLASSES}) == len(CLASSES)


def test_a_class_without_words_is_called_by_its_name() -> None:
    assert called("never-heard-of") == "never heard of"
    assert symptoms_of("never-heard-of") == "never-heard-of"


def test_a_runbook_may_name_a_class_as_it_is_written_or_as_people_say_it() -> None:
    text = symptoms_of("oom-killed")
    found = [one.phrase for one in symptoms.find(["oom-killed", "OOM killed", "out of memory", "dns"], text)]
    assert found == ["oom-killed", "OOM killed", "out of memory"]

"""Every case of the corpus is named right: the cause first, with words that really stand in the evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from bot.diagnosis.evidence import Evidence
from bot.diagnosis.findings import HEALTHY, analyze
from bot.diagnosis.findings.thrown import thrown
from bot.diagnosis.report import markdown, summary
from tests.diagnosis.corpus import Case, cases
from tests.diagnosis.snapshots import snap

CASES = list(cases())


def leaves(value: Any) -> Iterator[str]:
    """Every text and number in a tree."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield str(key)
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    else:
        yield str(value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_wrong_is_named_the_cause_first(case: Case) -> None:
    found = [one.kind for one in analyze(case.evidence)]
    assert found[:1] == list(case.expected[:1])
    assert set(case.expected) <= set(found)
    assert set(found) <= {*case.expected, *case.besides}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_quote_stands_in_the_evidence(case: Case) -> None:
    items = {one.id: one for one in case.evidence.items}
    for finding in analyze(case.evidence):
        if finding.kind not in (HEALTHY, "not-there"):
            assert finding.quotes, finding.kind
        for quote in finding.quotes:
            item = items[quote.item]
            texts = [item.text, *leaves(item.body)]
            assert quote.text
            assert any(quote.text in text for text in texts), quote


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_evidence_comes_back_from_json_as_it_was(case: Case) -> None:
    again = Evidence.from_json(json.loads(json.dumps(case.evidence.as_json())))
    assert again == case.evidence
    assert analyze(again) == analyze(case.evidence)


def test_the_order_of_what_was_read_changes_nothing_about_the_cause() -> None:
    for case in CASES:
        there = case.evidence
        turned = Evidence(
            subject=there.subject,
            taken_at=there.taken_at,
            items=there.items[::-1],
            gaps=there.gaps,
            read=there.read,
        )
        assert [one.kind for one in analyze(turned)][:1] == list(case.expected[:1]), case.name


def test_what_a_log_says_first_is_the_cause() -> None:
    chained = (
        "Traceback (most recent call last):",
        '  File "a.py", line 1, in f',
        "KeyError: 'url'",
        "",
        "During handling of the above exception, another exception occurred:",
        "Traceback (most recent call last):",
        "RuntimeError: cannot start",
    )
    assert getattr(thrown(chained), "words", "") == "KeyError: 'url'"
    assert thrown(["all is well", "Error: is a word"]) is None


def test_a_report_quotes_without_letting_anything_out_of_the_quote() -> None:
    made = snap().app(
        waiting="CreateContainerConfigError", says='secret "a](https://evil.example)<b>" not found'
    )
    text = markdown(made.made(), analyze(made.made()))
    outside = "\n".join(line for line in text.splitlines() if not line.startswith("    "))
    assert "evil.example" in outside
    assert "https://" not in outside
    assert re.search(r"(?<!\\)[\[\]<>]", outside) is None


def test_what_cannot_be_told_is_said_with_what_was_not_read() -> None:
    made = snap()
    for kind in ("Deployment", "Pod", "Event", "Service", "Endpoints", "Node"):
        made.unread(kind, "forbidden: pods is not yours")
    there = made.made()
    assert summary(there, analyze(there)).startswith("what is wrong with deployment shop/api cannot be told")
    assert "forbidden: pods is not yours" in markdown(there, analyze(there))

"""What a button or form carries comes back as it was, and nothing else is taken for it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.ports import ClickRef
from bot.errors import BadInput
from bot.runs.events import IncidentId, ProposalId, RunId, StepKey
from bot.slack import ids

_ID = st.text(st.sampled_from("0123456789abcdef-"), min_size=1, max_size=64)
_CLICK = st.builds(
    ClickRef,
    incident_id=_ID.map(IncidentId),
    proposal_id=_ID.map(ProposalId),
    digest=st.one_of(st.just(""), _ID),
    run_id=st.one_of(st.none(), _ID.map(RunId)),
)
_STEP = st.builds(StepKey, phase=st.sampled_from(["steps", "on_reject"]), index=st.integers(0, 9999))


@given(_CLICK)
def test_a_click_comes_back_as_it_was(ref: ClickRef) -> None:
    assert ids.parse_click(ids.click_value(ref)) == ref
    assert len(ids.click_value(ref)) <= 2000


@given(_ID, st.one_of(st.none(), _STEP))
def test_a_run_button_comes_back_as_it_was(run_id: str, step: StepKey | None) -> None:
    ref = ids.RunRef(run_id=RunId(run_id), step=step)
    assert ids.parse_run(ids.run_value(ref)) == ref


@given(_CLICK)
def test_a_form_comes_back_as_it_was(click: ClickRef) -> None:
    ref = ids.FormRef(click=click, channel="C0INC", thread_ts="1793697162.118259")
    assert ids.parse_form(ids.form_metadata(ref)) == ref


def test_a_start_form_comes_back_as_it_was() -> None:
    ref = ids.StartRef(channel="C0INC", thread_ts="1793697162.118259", runbook="flush-redis")
    assert ids.parse_start(ids.start_metadata(ref)) == ref


def test_a_menu_knows_its_incident() -> None:
    assert ids.parse_menu(ids.menu_block(IncidentId("0a1b"), "p-1")) == "0a1b"


NONSENSE = [
    None,
    7,
    "",
    "{",
    "[]",
    "null",
    "{}",
    '"x"',
    '{"i":1,"p":2}',
    '{"i":"x"}',
    '{"i":"","p":"x"}',
    '{"r":["x"]}',
    "[" * 2900,
    "x" * 100_000,
    '{"i":"a","p":"b","d":5}',
]


@pytest.mark.parametrize("value", NONSENSE)
def test_nonsense_is_refused(value: object) -> None:
    for parse in (ids.parse_click, ids.parse_run, ids.parse_form, ids.parse_start):
        with pytest.raises(BadInput):
            parse(value)


@given(st.text())
def test_no_text_breaks_a_parser(value: str) -> None:
    for parse in (ids.parse_click, ids.parse_run, ids.parse_form, ids.parse_start, ids.parse_menu):
        try:
            parse(value)
        except BadInput:
            continue


@pytest.mark.parametrize(
    "step", ["steps", "steps/", "steps/-1", "steps/x", "other/1", "steps/٣", "steps/1000000"]
)
def test_a_step_that_is_none_is_refused(step: str) -> None:
    with pytest.raises(BadInput):
        ids.parse_run(json.dumps({"r": "x", "s": step}))


@pytest.mark.parametrize("block_id", [None, "", "menu:", "menu::x", "other:1"])
def test_a_block_that_is_no_menu_is_refused(block_id: object) -> None:
    with pytest.raises(BadInput):
        ids.parse_menu(block_id)


def test_a_value_too_long_for_slack_is_refused_here() -> None:
    with pytest.raises(BadInput):
        ids.click_value(ClickRef(incident_id=IncidentId("x" * 2000), proposal_id=ProposalId("p")))


def test_the_pure_half_loads_no_slack_library() -> None:
    program = (
        "import sys, bot.slack.thread, bot.slack.ids, bot.slack.transcript, bot.slack.views.forms\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('slack_sdk', 'slack_bolt', 'aiohttp')))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

"""Events as text: exact both ways, readable for ever, and clear words where that is not possible."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import BadInput, UnreadableEvent
from bot.journal.codec import Codec, EventText, moment, stamp
from bot.runs.events import Event, RunFinished, RunOpened, StepNotPlanned
from bot.runs.plan import JsonObject
from tests.journal.golden import stored_examples
from tests.journal.samples import ALL_EVENTS, NOON, TABLES, codec

CODEC = codec()

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)
TIME = st.datetimes(timezones=st.just(UTC))


def strategy_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type; the JSON trees and times get what may stand in them."""
    if hint == JsonObject:
        return OBJECT
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(hint, **{one.name: strategy_of(hints[one.name]) for one in fields(hint)})
    arguments: tuple[Any, ...] = getattr(hint, "__args__", ())
    if getattr(hint, "__origin__", None) is tuple and arguments[-1] is not ...:
        return st.tuples(*map(strategy_of, arguments))
    if getattr(hint, "__origin__", None) is tuple:
        return st.lists(strategy_of(arguments[0]), max_size=2).map(tuple)
    if type(None) in arguments:
        return st.none() | strategy_of(next(one for one in arguments if one is not type(None)))
    if hint is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    plain = getattr(hint, "__supertype__", hint)
    return {str: TEXT, datetime: TIME}[plain] if plain in (str, datetime) else st.from_type(plain)


@pytest.mark.parametrize("kind", CODEC.kinds, ids=lambda kind: kind.__name__)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_event_comes_back_exactly(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(strategy_of(kind))
    text, seen = CODEC.encode(event)
    assert seen == event
    assert CODEC.decode(text) == event
    assert CODEC.encode(seen)[0] == text
    assert (
        json.dumps(json.loads(text.body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        == text.body
    )


@pytest.mark.parametrize("entry", stored_examples(), ids=lambda entry: f"{entry['name']}-{entry['v']}")
def test_an_event_stored_once_stays_readable_for_ever(entry: dict[str, Any]) -> None:
    body = json.dumps(entry["body"], ensure_ascii=False)
    event = CODEC.decode(EventText(name=entry["name"], v=entry["v"], at=entry["at"], body=body))
    written, _ = CODEC.encode(event)
    if written.v == entry["v"]:
        assert_kept(entry["body"], json.loads(written.body))


def assert_kept(stored: Any, read: Any) -> None:
    """Whatever was stored is still there with its value; there may be more by now."""
    if isinstance(stored, dict):
        assert stored.keys() <= read.keys()
        for key, value in stored.items():
            assert_kept(value, read[key])
    elif isinstance(stored, list):
        assert len(stored) == len(read)
        for one, other in zip(stored, read, strict=True):
            assert_kept(one, other)
    else:
        assert stored == read


def test_every_event_of_every_table_has_a_stored_example() -> None:
    stored = {(entry["name"], entry["v"]) for entry in stored_examples()}
    missing = set(CODEC.kinds.values()) - stored
    assert not missing, "give samples.py one of each and run `python -m tests.journal.golden`"


def test_fields_added_later_take_their_defaults() -> None:
    body = f'{{"at":"{stamp(NOON)}","status":"failed"}}'
    assert CODEC.decode(EventText(name="run-finished", v=1, at=stamp(NOON), body=body)) == RunFinished(
        at=NOON, status="failed"
    )


def test_a_field_that_a_later_program_wrote_is_passed_over() -> None:
    body = f'{{"at":"{stamp(NOON)}","status":"failed","colour":"red"}}'
    assert CODEC.decode(EventText(name="run-finished", v=1, at=stamp(NOON), body=body)).at == NOON


def test_old_versions_are_upgraded_step_by_step() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Weighed(Event):
        grams: int
        unit: str

    newest = Codec(
        [{("weighed", 3): Weighed}],
        upgrades={
            ("weighed", 1): lambda old: {"at": old["at"], "grams": old["kilos"] * 1000},
            ("weighed", 2): lambda old: {**old, "unit": "g"},
        },
    )
    first = EventText(name="weighed", v=1, at=stamp(NOON), body=f'{{"at":"{stamp(NOON)}","kilos":3}}')
    second = EventText(name="weighed", v=2, at=stamp(NOON), body=f'{{"at":"{stamp(NOON)}","grams":7}}')
    assert newest.decode(first) == Weighed(at=NOON, grams=3000, unit="g")
    assert newest.decode(second) == Weighed(at=NOON, grams=7, unit="g")
    assert newest.encode(Weighed(at=NOON, grams=7, unit="g"))[0].v == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            EventText(name="run-flown", v=1, at="", body="{}"),
            "event 'run-flown' in version 1.*newer runbook-bot",
        ),
        (
            EventText(name="run-finished", v=2, at="", body="{}"),
            "'run-finished' in version 2.*newer runbook-bot",
        ),
        (EventText(name="run-finished", v=1, at="", body="{}"), "does not fit: at: Field required"),
        (EventText(name="run-finished", v=1, at="", body="{"), "does not fit"),
        (EventText(name="run-finished", v=1, at="", body="[]"), "does not fit"),
    ],
)
def test_what_cannot_be_read_says_what_it_is_and_what_to_do(text: EventText, says: str) -> None:
    with pytest.raises(UnreadableEvent, match=says) as caught:
        CODEC.decode(text)
    assert caught.value.hint


def test_an_upgrade_that_stumbles_is_an_unreadable_event() -> None:
    fragile = Codec([{("x", 2): StepNotPlanned}], upgrades={("x", 1): lambda old: {"at": old["when"]}})
    with pytest.raises(UnreadableEvent, match="'x' event, version 1"):
        fragile.decode(EventText(name="x", v=1, at="", body="{}"))


def test_the_reason_of_a_refusal_does_not_repeat_the_value() -> None:
    opened = next(event for event in ALL_EVENTS if isinstance(event, RunOpened))
    with pytest.raises(BadInput) as caught:
        CODEC.encode(RunOpened(**{**vars(opened), "service": ["hunter2"]}))
    assert "hunter2" not in str(caught.value)
    assert "service" in str(caught.value)


def test_tables_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="two events are stored as 'x' version 1"):
        Codec([{("x", 1): RunFinished}, {("x", 1): StepNotPlanned}])
    with pytest.raises(ValueError, match="RunFinished is stored under two names"):
        Codec([{("x", 1): RunFinished}, {("y", 1): RunFinished}])
    with pytest.raises(ValueError, match="leads to version 2, which nothing reads"):
        Codec([{("x", 1): RunFinished}], upgrades={("y", 1): dict})


def test_an_event_of_no_table_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="RunFinished is in no event table"):
        Codec([]).encode(RunFinished(at=NOON, status="failed"))


def test_every_event_has_one_full_example_here() -> None:
    assert {type(event) for event in ALL_EVENTS} == {kind for table in TABLES for kind in table.values()}


@given(st.datetimes(timezones=st.timezones()), st.datetimes(timezones=st.timezones()))
def test_the_order_of_stamps_is_the_order_of_times(one: datetime, two: datetime) -> None:
    try:
        first, second = stamp(one), stamp(two)
    except OverflowError:
        return  # the first or last day of the calendar, seen from another zone
    assert moment(first) == one.astimezone(UTC)
    assert (first < second) == (one.astimezone(UTC) < two.astimezone(UTC))
    assert len(first) == len(second) == 27

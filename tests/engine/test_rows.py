"""Rows that are written with every append are the rows a rebuild makes, for any run there can be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.engine.rows import changed_step_rows, step_rows
from bot.journal.base import StepRow
from bot.runs.events import Event
from bot.runs.fold import fold
from bot.runs.record import RunRecord, record_of
from bot.runs.report import report
from bot.runs.state import Run
from tests.core.given import ALICE, opened
from tests.core.test_any_order import Model, runbooks


class Kept(Model):
    """The model of a run, with the rows that its appends would have written."""

    rows: dict[str, StepRow]

    def append(self, *events: Event) -> None:
        before = self.run
        super().append(*events)
        for row in changed_step_rows(before, self.run):
            self.rows[row.step] = row


def any_run(data: Any, book: Any, *, dry_run: bool) -> Kept:
    """A run that anything may have happened to, at its end or not."""
    model = Kept(data=data, run=fold([opened(book, requester=ALICE.actor, dry_run=dry_run)]))
    model.rows = {row.step: row for row in step_rows(model.run)}
    for _ in range(data.draw(st.integers(0, 50))):
        match data.draw(st.sampled_from([*["on"] * 8, "want", "want", "time", "die"])):
            case "on":
                if not model.drive():
                    model.answer_what_is_asked()
            case "want":
                model.want_anything()
            case "time":
                model.now += timedelta(minutes=data.draw(st.integers(1, 6)))
            case "die":
                model.runs_now.clear()
    return model


@settings(max_examples=200, deadline=None)
@given(st.data(), runbooks, st.booleans())
def test_what_is_written_with_each_append_is_what_a_rebuild_makes(
    data: Any, book: Any, dry_run: bool
) -> None:
    model = any_run(data, book, dry_run=dry_run)
    again = fold(model.run.events)
    assert set(model.rows.values()) == set(step_rows(again))
    assert not (dry_run and model.rows)
    if model.run.is_finished:
        assert not {row.status for row in model.rows.values()} & {"waiting", "running"}


@settings(max_examples=100, deadline=None)
@given(st.data(), runbooks, st.booleans())
def test_any_run_has_a_record_and_a_report(data: Any, book: Any, dry_run: bool) -> None:
    run: Run = any_run(data, book, dry_run=dry_run).run
    record = record_of(run)
    assert RunRecord.model_validate_json(record.model_dump_json()) == record
    assert record.status == run.status
    assert sum(len(step.proposals) for step in record.steps) == sum(
        len(state.proposals) for state in run.steps.values()
    )
    assert report(record).startswith("# turn: ")

"""What every journal must do, whatever stores it; an engine inherits this and gives the `journal` fixture."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from datetime import timedelta, timezone
from typing import TypeVar

import pytest

from bot.errors import BadInput, JournalUnavailable, VersionConflict
from bot.intake.diagnosed import DiagnosisId, DiagnosisMade
from bot.journal.base import (
    Batch,
    Delivery,
    HistoryQuery,
    InboxItem,
    Journal,
    NumbersQuery,
    Rows,
    StepRow,
    Write,
)
from bot.journal.reads import derive, history, rebuild
from bot.runs.events import Event, IncidentId, RunId, StepKey, StepNotPlanned, StepProbed
from bot.runs.plan import Artifact
from bot.runs.statistics import ActionNumbers
from tests.fakes.patience import PATIENCE_S
from tests.journal.samples import (
    ALL_EVENTS,
    INCIDENT,
    NOON,
    RUN,
    at,
    incident_row,
    reminded,
    run_row,
    step_row,
)

T = TypeVar("T")
FLAGS = (
    "is_unattended",
    "is_unchanged",
    "is_rejected",
    "is_skipped",
    "is_overridden",
    "is_expired",
    "is_cancelled",
    "has_failed",
    "was_unknown",
    "is_rolled_back",
)


def batch(stream: str, expected_version: int, *events: Event) -> Batch:
    """One write to one stream."""
    return Batch(writes=(Write(stream=stream, expected_version=expected_version, events=events),))


class JournalContract:
    """Subclass it as `Test…` with a fixture `journal` that yields an empty one and closes it afterwards."""

    # --- streams

    async def test_an_unknown_stream_is_empty(self, journal: Journal) -> None:
        assert await journal.read("run-none") == ()
        assert await journal.heads(["run-none", "audit"]) == {}
        assert await journal.streams() == {}

    async def test_every_event_comes_back_as_it_was_appended(self, journal: Journal) -> None:
        written = await journal.append(batch("run-1", 0, *ALL_EVENTS))
        assert tuple(one.event for one in written) == ALL_EVENTS
        assert await journal.read("run-1") == written

    async def test_versions_count_from_one_and_positions_order_all_streams(self, journal: Journal) -> None:
        first = await journal.append(batch("run-1", 0, reminded(1), reminded(2)))
        second = await journal.append(batch("run-2", 0, reminded(3)))
        third = await journal.append(batch("run-1", 2, reminded(4)))
        assert [one.version for one in (*first, *second, *third)] == [1, 2, 1, 3]
        positions = [one.position for one in (*first, *second, *third)]
        assert positions == sorted(set(positions))
        assert await journal.streams() == {"run-1": 3, "run-2": 1}

    async def test_reading_after_a_version_gives_only_what_came_later(self, journal: Journal) -> None:
        await journal.append(batch("run-1", 0, reminded(1), reminded(2), reminded(3)))
        later = await journal.read("run-1", after_version=2)
        assert [(one.version, one.event) for one in later] == [(3, reminded(3))]

    async def test_many_streams_are_read_at_once_and_those_that_are_not_there_are_left_out(
        self, journal: Journal
    ) -> None:
        await journal.append(batch("run-1", 0, reminded(1), reminded(2)))
        await journal.append(batch("run-2", 0, reminded(3)))
        found = await journal.read_many(["run-2", "run-9", "run-1"])
        assert list(found) == ["run-2", "run-1"]
        assert found["run-1"] == await journal.read("run-1")
        assert await journal.read_many([]) == {}

    @pytest.mark.parametrize("expected", [0, 1, 3])
    async def test_a_writer_who_expects_another_version_is_refused(
        self, journal: Journal, expected: int
    ) -> None:
        await journal.append(batch("run-1", 0, reminded(1), reminded(2)))
        with pytest.raises(VersionConflict, match=f"at version 2, not at {expected}"):
            await journal.append(batch("run-1", expected, reminded(9)))
        assert [one.event for one in await journal.read("run-1")] == [reminded(1), reminded(2)]

    async def test_an_append_over_several_streams_is_all_or_nothing(self, journal: Journal) -> None:
        await journal.append(batch("run-2", 0, reminded(1)))
        with pytest.raises(VersionConflict):
            await journal.append(
                Batch(
                    writes=(
                        Write(stream="run-1", expected_version=0, events=(reminded(2),)),
                        Write(stream="run-2", expected_version=0, events=(reminded(3),)),
                    ),
                    incidents=(incident_row(),),
                    runs=(run_row(),),
                    artifacts=(Artifact(name="a", media_type="text/plain", body=b"a"),),
                )
            )
        assert await journal.read("run-1") == ()
        assert await journal.incident_row(INCIDENT) is None
        assert await journal.run_row(RUN) is None
        assert await journal.artifact(Artifact(name="a", media_type="text/plain", body=b"a").digest) is None
        assert (await journal.verify()).problems == ()

    async def test_a_write_without_events_only_checks_its_version(self, journal: Journal) -> None:
        await journal.append(batch("run-1", 0, reminded(1)))
        both = Batch(
            writes=(
                Write(stream="run-1", expected_version=1, events=()),
                Write(stream="run-2", expected_version=0, events=(reminded(2),)),
            )
        )
        assert [one.stream for one in await journal.append(both)] == ["run-2"]
        with pytest.raises(VersionConflict):
            await journal.append(batch("run-1", 0))
        assert await journal.streams() == {"run-1": 1, "run-2": 1}

    async def test_of_two_writers_at_one_moment_exactly_one_wins(self, journal: Journal) -> None:
        answers = await asyncio.gather(
            *(journal.append(batch("run-1", 0, reminded(number))) for number in range(20)),
            return_exceptions=True,
        )
        won = [answer for answer in answers if isinstance(answer, tuple)]
        assert len(won) == 1
        assert all(isinstance(answer, VersionConflict) for answer in answers if not isinstance(answer, tuple))
        assert await journal.read("run-1") == won[0]

    async def test_writers_of_different_streams_do_not_disturb_each_other(self, journal: Journal) -> None:
        async def write(number: int) -> None:
            for version in range(5):
                await journal.append(batch(f"run-{number}", version, reminded(version)))

        await asyncio.gather(*(write(number) for number in range(20)))
        assert await journal.streams() == {f"run-{number}": 5 for number in range(20)}
        assert (await journal.verify()).problems == ()

    async def test_a_refused_append_fails_none_of_those_beside_it(self, journal: Journal) -> None:
        await journal.append(batch("run-0", 0, reminded(0)))
        versions = [0, 0, 7, 0, 7, 0]  # six appends that wait together; those that expect version 7 are wrong
        answers = await asyncio.gather(
            *(
                journal.append(batch(f"run-{n}", version, reminded(n)))
                for n, version in enumerate(versions, start=1)
            ),
            return_exceptions=True,
        )
        assert [isinstance(answer, VersionConflict) for answer in answers] == [
            version == 7 for version in versions
        ]
        assert await journal.streams() == {"run-0": 1, "run-1": 1, "run-2": 1, "run-4": 1, "run-6": 1}
        assert (await journal.verify()).problems == ()

    async def test_events_come_back_in_utc_whatever_zone_they_were_given_in(self, journal: Journal) -> None:
        west = reminded(1).at.astimezone(timezone(timedelta(hours=-8)))
        (written,) = await journal.append(batch("run-1", 0, replace(reminded(1), at=west)))
        assert written.event == reminded(1)
        assert written.event.at.utcoffset() == timedelta(0)

    @pytest.mark.parametrize(
        "event",
        [
            StepNotPlanned(at=NOON, step=StepKey(), message="half \ud83d of a pair"),
            StepNotPlanned(at=NOON.replace(tzinfo=None), step=StepKey(), message="no zone"),
            StepNotPlanned(at=NOON, step=StepKey(index="two"), message="no number"),  # type: ignore[arg-type]
            StepProbed(
                at=NOON,
                proposal_id=reminded().proposal_id,
                step=StepKey(),
                text="",
                state={"x": float("nan")},
            ),
        ],
    )
    async def test_what_could_not_be_read_back_is_never_stored(self, journal: Journal, event: Event) -> None:
        with pytest.raises(BadInput, match="cannot be stored"):
            await journal.append(batch("run-1", 0, reminded(1), event))
        assert await journal.streams() == {}

    # --- chains

    async def test_heads_name_the_last_event_of_each_stream_and_of_the_audit_chain(
        self, journal: Journal
    ) -> None:
        await journal.append(batch("run-1", 0, reminded(1)))
        last = (await journal.append(batch("run-1", 1, reminded(2), reminded(3))))[-1]
        heads = await journal.heads(["run-1", "run-2", "audit"])
        assert heads["run-1"] == (3, last.hash)
        assert heads["audit"][0] == 2
        assert set(heads) == {"run-1", "audit"}

    async def test_an_untouched_journal_verifies(self, journal: Journal) -> None:
        await journal.append(batch("run-1", 0, *ALL_EVENTS))
        await journal.append(
            replace(
                batch("run-2", 0, reminded(1)),
                artifacts=(Artifact(name="out.txt", media_type="text/plain", body=b"out"),),
            )
        )
        found = await journal.verify()
        assert (found.streams, found.events, found.problems) == (2, len(ALL_EVENTS) + 1, ())

    async def test_a_head_seen_elsewhere_still_holds_as_the_stream_grows(self, journal: Journal) -> None:
        await journal.append(batch("run-1", 0, reminded(1)))
        seen = await journal.heads(["run-1", "audit"])
        await journal.append(batch("run-1", 1, reminded(2)))
        assert (await journal.verify(witnessed=seen)).problems == ()

    async def test_a_head_seen_elsewhere_that_is_not_there_is_told(self, journal: Journal) -> None:
        await journal.append(batch("run-1", 0, reminded(1)))
        found = await journal.verify(
            witnessed={"run-1": (1, "00" * 32), "run-9": (3, "11" * 32), "audit": (7, "22" * 32)}
        )
        assert found.problems == (
            "audit: version 7 was seen elsewhere, and only 1 are there",
            "run-1: version 1 is not the one that was seen elsewhere",
            "run-9: version 3 was seen elsewhere, and only 0 are there",
        )

    async def test_the_audit_chain_cannot_be_appended_to_by_name(self, journal: Journal) -> None:
        with pytest.raises(ValueError, match="audit"):
            await journal.append(batch("audit", 0, reminded(1)))

    # --- rows

    async def test_rows_travel_with_the_append_and_are_replaced_by_the_next(self, journal: Journal) -> None:
        row = incident_row(
            origins=("pagerduty:Q1", "slack:C0INC/1.2"), channel="C0INC", thread_ts="1.2", permalink="p"
        )
        run = run_row(
            finished_at=at(3), requester="ana", decided_by="bo", symptom="5xx", dry_run=True, step_count=4
        )
        await journal.append(replace(batch("run-1", 0, reminded(1)), incidents=(row,), runs=(run,)))
        assert await journal.incident_row(INCIDENT) == row
        assert await journal.run_row(RUN) == run
        closed = replace(row, is_open=False, status="resolved", origins=("pagerduty:Q1",), updated_at=at(9))
        await journal.append(replace(batch("run-1", 1, reminded(2)), incidents=(closed,)))
        assert await journal.incident_row(INCIDENT) == closed
        assert await journal.incident_by_origin("slack:C0INC/1.2") is None
        assert await journal.run_row(RUN) == run

    async def test_many_incidents_are_read_at_once_and_those_that_are_not_there_are_left_out(
        self, journal: Journal
    ) -> None:
        rows = [incident_row(f"inc-{number}", origins=(f"a:{number}", f"b:{number}")) for number in range(3)]
        await journal.append(Batch(writes=(), incidents=(*rows, incident_row("inc-3", origins=()))))
        asked = [IncidentId(name) for name in ("inc-2", "inc-0", "inc-9", "inc-3")]
        found = {row.incident_id: row for row in await journal.incident_rows(asked)}
        assert found.keys() == {"inc-0", "inc-2", "inc-3"}
        assert (found[asked[0]], found[asked[1]]) == (rows[2], rows[0])
        assert await journal.incident_rows([]) == ()

    async def test_of_several_incidents_with_one_origin_the_newest_is_found(self, journal: Journal) -> None:
        old = incident_row("inc-1", minutes=0, is_open=False, origins=("anomaly:a", "anomaly:b"))
        new = incident_row("inc-2", minutes=5, origins=("anomaly:a",))
        await journal.append(Batch(writes=(), incidents=(new, old)))
        assert await journal.incident_by_origin("anomaly:a") == new
        assert await journal.incident_by_origin("anomaly:b") == old
        assert await journal.incident_by_origin("anomaly:c") is None

    async def test_incidents_are_listed_newest_first(self, journal: Journal) -> None:
        rows = [incident_row(f"inc-{number}", minutes=number, is_open=number % 2 == 0) for number in range(5)]
        await journal.append(Batch(writes=(), incidents=tuple(rows)))
        assert [row.incident_id for row in await journal.incidents()] == [
            f"inc-{number}" for number in (4, 3, 2, 1, 0)
        ]
        assert [row.incident_id for row in await journal.incidents(open_only=True, limit=2)] == [
            "inc-4",
            "inc-2",
        ]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            (HistoryQuery(), "5 4 3 2 1 0"),
            (HistoryQuery(limit=2), "5 4"),
            (HistoryQuery(service="payments"), "4 2 0"),
            (HistoryQuery(runbook="restart"), "3 0"),
            (HistoryQuery(status="failed"), "5 1"),
            (HistoryQuery(symptom="5xx"), "5"),
            (HistoryQuery(open_only=True), "4 3 2 0"),
            (HistoryQuery(since=at(2), before=at(4)), "3 2"),
            (HistoryQuery(service="payments", runbook="restart"), "0"),
            (HistoryQuery(tenant="search-team"), "5 3 1"),
            (HistoryQuery(environment="prod", tenant="team-payments", limit=1), "4"),
            (HistoryQuery(tenants=("search-team", "")), "5 3 1"),
            (HistoryQuery(tenants=("search-team", "team-payments"), runbook="restart"), "3 0"),
            (HistoryQuery(tenants=()), ""),
            (HistoryQuery(environment="staging"), ""),
            (HistoryQuery(id_prefix="3"), "3"),
            (HistoryQuery(id_prefix="%"), ""),
            (HistoryQuery(service="' OR 1=1 --"), ""),
        ],
    )
    async def test_history_lists_the_runs_that_fit_newest_first(
        self, journal: Journal, query: HistoryQuery, found: str
    ) -> None:
        rows = [
            run_row(
                f"{number}",
                minutes=number,
                service="payments" if number % 2 == 0 else "search",
                runbook="restart" if number % 3 == 0 else "scale-out",
                status="failed" if number % 4 == 1 else "running",
                is_open=number % 4 != 1,
                symptom="5xx" if number == 5 else "",
                tenant="team-payments" if number % 2 == 0 else "search-team",
            )
            for number in range(6)
        ]
        await journal.append(Batch(writes=(), runs=tuple(rows)))
        assert " ".join(row.run_id for row in await journal.runs(query)) == found

    async def test_history_goes_page_by_page_whatever_is_opened_meanwhile(self, journal: Journal) -> None:
        rows = [run_row(f"{number:02}", minutes=number // 3) for number in range(20)]
        await journal.append(Batch(writes=(), runs=tuple(rows)))
        newest_first = [row.run_id for row in sorted(rows, key=lambda one: (one.opened_at, one.run_id))][::-1]
        seen: list[str] = []
        query = HistoryQuery(limit=6)
        while True:
            page = await history(journal, query)
            seen += [row.run_id for row in page.runs]
            if not page.next_cursor:
                break
            await journal.append(Batch(writes=(), runs=(run_row(f"later-{len(seen)}", minutes=99),)))
            query = replace(query, cursor=page.next_cursor)
        assert seen == newest_first
        assert len(page.runs) == 2

    async def test_a_page_that_is_just_full_is_the_last(self, journal: Journal) -> None:
        await journal.append(Batch(writes=(), runs=(run_row("1"), run_row("2", minutes=1))))
        page = await history(journal, HistoryQuery(limit=2))
        assert (len(page.runs), page.next_cursor) == (2, "")

    @pytest.mark.parametrize(
        "cursor", ["x", "MQ", "ä", "MSAyMDI2IHgK", "' OR 1=1 --", "====", "A" * 5000, "\x00", "MSAgIA"]
    )
    async def test_a_cursor_that_was_never_given_out_is_bad_input(
        self, journal: Journal, cursor: str
    ) -> None:
        with pytest.raises(BadInput, match="cursor"):
            await history(journal, HistoryQuery(cursor=cursor))

    async def test_step_rows_travel_with_the_append_and_are_replaced_by_the_next(
        self, journal: Journal
    ) -> None:
        row = step_row(
            status="requires_manual",
            actor="ana@acme.example",
            reason="not now",
            proposals=3,
            edits=2,
            decide_s=41.5,
            **dict.fromkeys(FLAGS, True),
        )
        await journal.append(replace(batch("run-1", 0, reminded(1)), steps=(row, step_row("run-2"))))
        assert await journal.steps(RUN) == (row,)
        changed = step_row(status="succeeded", at=at(4))
        await journal.append(replace(batch("run-1", 1, reminded(2)), steps=(changed,)))
        assert await journal.steps(RUN) == (changed,)
        assert await journal.steps(RunId("run-9")) == ()

    async def test_steps_are_counted_by_action(self, journal: Journal) -> None:
        def one(number: int, action: str, **fields: object) -> StepRow:
            return step_row(f"run-{number}", action=action, at=at(number), **fields)

        await journal.append(
            Batch(
                writes=(),
                steps=(
                    *(one(n, "flush", is_unchanged=True, decide_s=float(n)) for n in range(10)),
                    one(10, "flush", status="requires_manual", is_rejected=True, decide_s=500.0),
                    one(11, "flush", status="waiting"),
                    one(12, "resize", edits=2, is_rolled_back=True, status="rolled_back", service="search"),
                    one(13, "resize", is_unattended=True, has_failed=True, status="failed"),
                    one(14, "resize", is_skipped=True, is_overridden=True, status="requires_manual"),
                    one(15, "resize", is_expired=True, was_unknown=True, is_cancelled=True, status="expired"),
                ),
            )
        )
        flush = ActionNumbers(
            action="flush",
            steps=12,
            unchanged=10,
            rejected=1,
            succeeded=10,
            manual=1,
            waiting=1,
            median_decide_s=5.0,
            p90_decide_s=9.0,
        )
        resize = ActionNumbers(
            action="resize",
            steps=4,
            unattended=1,
            edited=1,
            skipped=1,
            overridden=1,
            expired=1,
            cancelled=1,
            failed=1,
            unknown=1,
            rolled_back=1,
            manual=1,
        )
        assert set(await journal.numbers(NumbersQuery())) == {flush, resize}
        assert await journal.numbers(NumbersQuery(action="resize")) == (resize,)
        (late,) = await journal.numbers(NumbersQuery(since=at(15)))
        assert (late.action, late.steps) == ("resize", 1)
        (there,) = await journal.numbers(NumbersQuery(service="search"))
        assert (there.action, there.steps, there.edited) == ("resize", 1, 1)
        assert await journal.numbers(NumbersQuery(service="' OR 1=1 --")) == ()

    async def test_what_diagnoses_said_is_found_in_all_incidents_and_nothing_else(
        self, journal: Journal
    ) -> None:
        def made(minutes: float) -> DiagnosisMade:
            return DiagnosisMade(
                at=at(minutes),
                diagnosis_id=DiagnosisId("d1"),
                subject="s",
                sentence="…",
                finding="oom-killed",
            )

        for number, minutes in (("1", 5), ("2", 3), ("3", 1)):
            write = Write(
                stream=f"incident-{number}", expected_version=0, events=(made(minutes), reminded(9))
            )
            await journal.append(Batch(writes=(write,)))
        found = await journal.diagnoses(since=at(2))
        assert [(one.stream, one.event) for one in found] == [
            ("incident-2", made(3)),
            ("incident-1", made(5)),
        ]
        assert len(await journal.diagnoses()) == 3

    async def test_a_stored_file_comes_back_by_its_digest(self, journal: Journal) -> None:
        file = Artifact(name="out.bin", media_type="application/octet-stream", body=bytes(range(256)))
        await journal.append(Batch(writes=(), artifacts=(file,)))
        await journal.append(Batch(writes=(), artifacts=(file,)))
        assert await journal.artifact(file.digest) == file
        assert await journal.artifact("00" * 32) is None
        assert (await journal.verify()).problems == ()

    async def test_rows_rebuilt_from_the_events_are_the_rows_that_were_written(
        self, journal: Journal
    ) -> None:
        for number in range(4):
            rows = derived_by_hand(number, events=2)
            events = tuple(reminded(10 * number + step) for step in range(2))
            await journal.append(
                Batch(
                    writes=(Write(stream=f"run-{number}", expected_version=0, events=events),),
                    incidents=rows.incidents,
                    runs=rows.runs,
                    steps=rows.steps,
                )
            )
        before = (await journal.incidents(), await journal.runs(HistoryQuery()))
        steps_before = await journal.steps(RunId("run-3"))
        await journal.append(
            Batch(
                writes=(),
                incidents=(incident_row("inc-wrong", origins=("x:1",)),),
                runs=(run_row("run-wrong"),),
                steps=(step_row("run-3", "steps/0", status="wrong"), step_row("run-3", "steps/9")),
            )
        )
        assert await journal.row_edition() == 0
        built = await rebuild(journal, rows_of, settle=with_incidents, edition=7)
        assert await journal.row_edition() == 7
        assert sorted(await journal.steps(RunId("run-3")), key=str) == sorted(steps_before, key=str)
        assert (await journal.incidents(), await journal.runs(HistoryQuery())) == before
        assert await derive(journal, rows_of, settle=with_incidents) == built
        assert await journal.incident_by_origin("x:1") is None

    async def test_rows_are_not_replaced_under_an_append(self, journal: Journal) -> None:
        await journal.append(replace(batch("run-1", 0, reminded(1)), runs=(run_row(),)))
        as_of = await journal.streams()
        await journal.append(batch("run-1", 1, reminded(2)))
        with pytest.raises(VersionConflict):
            await journal.replace_rows(Rows(), as_of=as_of, edition=2)
        assert await journal.run_row(RUN) == run_row()
        assert await journal.row_edition() == 0

    # --- operational

    async def test_a_signal_is_accepted_once(self, journal: Journal) -> None:
        item = InboxItem(inbox_id="pd:1", kind="pagerduty", body='{"é": 1}', received_at=at(1))
        assert await journal.accept(item)
        assert not await journal.accept(replace(item, body="other"))
        assert await journal.unanswered() == (item,)

    async def test_signals_wait_oldest_first_until_they_are_done(self, journal: Journal) -> None:
        items = [
            InboxItem(inbox_id=f"pd:{n}", kind="pagerduty", body="{}", received_at=at(-n)) for n in range(3)
        ]
        for item in items:
            await journal.accept(item)
        assert await journal.unanswered() == tuple(reversed(items))
        await journal.done("pd:1")
        await journal.append(replace(batch("incident-1", 0, reminded(1)), inbox_id="pd:2"))
        assert await journal.unanswered() == (items[0],)
        assert not await journal.accept(items[1]), "a handled id is still known"

    async def test_a_signal_stays_when_the_append_that_answers_it_is_refused(self, journal: Journal) -> None:
        item = InboxItem(inbox_id="pd:1", kind="pagerduty", body="{}", received_at=NOON)
        await journal.accept(item)
        with pytest.raises(VersionConflict):
            await journal.append(replace(batch("incident-1", 4, reminded(1)), inbox_id="pd:1"))
        assert await journal.unanswered() == (item,)

    async def test_only_handled_ids_are_forgotten(self, journal: Journal) -> None:
        for number in range(4):
            await journal.accept(InboxItem(inbox_id=f"{number}", kind="x", body="", received_at=at(number)))
            if number != 1:
                await journal.done(f"{number}")
        assert await journal.forget_seen(before=at(3)) == 2
        assert [item.inbox_id for item in await journal.unanswered()] == ["1"]
        assert await journal.accept(InboxItem(inbox_id="0", kind="x", body="", received_at=at(9)))
        assert not await journal.accept(InboxItem(inbox_id="3", kind="x", body="", received_at=at(9)))

    async def test_deliveries_are_kept_per_incident_and_replaced_by_key(self, journal: Journal) -> None:
        root = Delivery(key="root", incident_id=INCIDENT, place="thread", state="sending", updated_at=NOON)
        card = Delivery(
            key="card", incident_id=INCIDENT, place="thread", state="sent", channel="C1", ts="1.2"
        )
        other = Delivery(
            key="root", incident_id=IncidentId("inc-2"), place="thread", state="failed", attempts=3
        )
        await journal.record_delivery(root, card, other)
        sent = replace(root, state="sent", channel="C1", ts="1.1", content="ab", attempts=1, updated_at=at(1))
        await journal.record_delivery(sent)
        assert set(await journal.deliveries(INCIDENT)) == {sent, card}
        assert await journal.deliveries(IncidentId("inc-2")) == (other,)

    async def test_holds_are_taken_all_or_none(self, journal: Journal) -> None:
        mine, yours = RunId("run-1"), RunId("run-2")
        assert await journal.take_holds(mine, ["host:a", "host:b"]) is None
        assert await journal.take_holds(mine, ["host:b", "host:c"]) is None
        blocking = await journal.take_holds(yours, ["host:0", "host:c", "host:a"])
        assert blocking is not None
        assert (blocking.name, blocking.run_id) == ("host:c", mine)
        assert {hold.name for hold in await journal.holds()} == {"host:a", "host:b", "host:c"}
        await journal.release_holds(mine)
        assert await journal.take_holds(yours, ["host:0", "host:c", "host:a"]) is None
        assert {hold.run_id for hold in await journal.holds()} == {yours}

    async def test_one_of_many_takes_a_hold(self, journal: Journal) -> None:
        answers = await asyncio.gather(
            *(journal.take_holds(RunId(f"run-{n}"), ["slot:1"]) for n in range(10))
        )
        assert answers.count(None) == 1

    async def test_a_lease_is_one_owners_until_it_runs_out(self, journal: Journal) -> None:
        async def take(owner: str, now: float, until: float) -> bool:
            return await journal.take_lease("run-1", owner=owner, now=at(now), until=at(until))

        assert await take("a", 0, 10)
        assert not await take("b", 9.9, 20)
        assert await take("a", 9.9, 20), "its owner renews it"
        assert not await take("b", 19.9, 30)
        assert await take("b", 20, 30), "it ran out"
        await journal.release_lease("run-1", owner="a")
        assert not await take("a", 21, 40), "giving back what is not yours does nothing"
        await journal.release_lease("run-1", owner="b")
        assert await take("a", 21, 40)

    # --- changes and the end

    async def test_every_subscriber_hears_which_streams_moved(self, journal: Journal) -> None:
        one, two = journal.changes(), journal.changes()
        await journal.append(batch("run-1", 0, reminded(1)))
        await journal.append(batch("run-2", 0, reminded(1)))
        await journal.append(batch("run-1", 1, reminded(2)))
        assert set(await soon(gathered(one, 2))) == {"run-1", "run-2"}
        assert set(await soon(gathered(two, 2))) == {"run-1", "run-2"}

    async def test_a_refused_append_is_no_change(self, journal: Journal) -> None:
        changes = journal.changes()
        with pytest.raises(VersionConflict):
            await journal.append(batch("run-1", 5, reminded(1)))
        await journal.append(batch("run-2", 0, reminded(1)))
        assert await soon(gathered(changes, 1)) == ["run-2"]

    async def test_a_subscriber_hears_nothing_from_before_and_ends_with_the_journal(
        self, journal: Journal
    ) -> None:
        await journal.append(batch("run-1", 0, reminded(1)))
        changes = journal.changes()
        await journal.append(batch("run-2", 0, reminded(1)))
        await journal.close()
        assert [name async for names in changes for name in names] == ["run-2"]

    async def test_what_was_asked_before_closing_is_done(self, journal: Journal) -> None:
        asked = [asyncio.ensure_future(journal.append(batch(f"run-{n}", 0, reminded(n)))) for n in range(5)]
        await asyncio.sleep(0)
        await journal.close()
        assert [len(await one) for one in asked] == [1] * 5

    async def test_a_closed_journal_says_so(self, journal: Journal) -> None:
        await journal.close()
        await journal.close()
        with pytest.raises(JournalUnavailable, match="closed"):
            await journal.append(batch("run-1", 0, reminded(1)))
        with pytest.raises(JournalUnavailable, match="closed"):
            await journal.read("run-1")

    async def test_a_cancelled_append_leaves_the_journal_whole(self, journal: Journal) -> None:
        asked = asyncio.ensure_future(journal.append(batch("run-1", 0, reminded(1))))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await journal.append(batch("run-2", 0, reminded(2)))  # whatever was queued before is settled now
        version = len(await journal.read("run-1"))
        await journal.append(batch("run-1", version, reminded(3)))
        assert (await journal.verify()).problems == ()


async def soon(waited: Awaitable[T]) -> T:
    """What is awaited, or a failed test instead of a hanging one."""
    return await asyncio.wait_for(waited, timeout=PATIENCE_S)


async def gathered(changes: AsyncIterator[tuple[str, ...]], count: int) -> list[str]:
    """The first so many different names."""
    names: dict[str, None] = {}
    async for some in changes:
        names.update(dict.fromkeys(some))
        if len(names) >= count:
            break
    return list(names)


def derived_by_hand(number: int, *, events: int) -> Rows:
    """The rows that a stream of so many reminders makes, by a rule as good as any."""
    run = run_row(f"run-{number}", minutes=number, incident_id=IncidentId(f"inc-{number}"), step_count=events)
    steps = tuple(step_row(f"run-{number}", f"steps/{index}") for index in range(events))
    return with_incidents(Rows(runs=(run,), steps=steps))


def rows_of(stream: str, events: tuple[Event, ...]) -> Rows:
    """The same rule, one stream at a time."""
    return replace(derived_by_hand(int(stream.removeprefix("run-")), events=len(events)), incidents=())


def with_incidents(rows: Rows) -> Rows:
    """What needs several rows to be known: an incident is open while a run of it is."""
    incidents = tuple(
        incident_row(run.incident_id, minutes=0, is_open=run.is_open, opened_at=run.opened_at)
        for run in rows.runs
    )
    return replace(rows, incidents=incidents)

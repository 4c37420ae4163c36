"""Reads metrics for a run: a baseline before its first change, and the check afterwards. It never keeps a run waiting.

A baseline is asked for between an approval and the start of the step, so it gets seconds: with Prometheus away the
step starts all the same, and the check later says that there is nothing to compare with. The check itself has time,
and whatever goes wrong there makes it inconclusive, with the reason in its sentence.

The same query is asked both times, as it was rendered for the baseline: the catalog may have changed in between, and
two different questions cannot be compared. One series is judged; a query that answers with several is a mistake in
the catalog that the sentence names, never something to pick from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from bot.catalog.schema import Catalog, MetricCheck
from bot.catalog.templating import Place, render_text
from bot.engine.clock import Clock
from bot.engine.picture import Level, Mark, Picture, draw
from bot.engine.ports import Metrics
from bot.errors import BotError
from bot.runs.check import Judgement, Standard, judge, last_half, look_back_s, step_s
from bot.runs.due import Due, checks_of
from bot.runs.events import ArtifactRef, BaselineTaken, CheckJudged, Measured
from bot.runs.plan import Artifact
from bot.runs.state import Run
from bot.telemetry import Redactor

log = structlog.get_logger()

BASELINE_DEADLINE_S = 3.0
CHECK_DEADLINE_S = 5.0
LONGEST_PICTURE = timedelta(days=2)
"""A check that is made long after the first change (steps waited for people) shows no more than this before it."""

MOST_POINTS = 400
_COARSE_POINTS = 60
_ALT_LIMIT = 1000


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """Asks for metrics and judges them. Holds no state; never raises for what Prometheus does."""

    metrics: Metrics | None
    """None where no Prometheus is set."""
    catalog: Callable[[], Catalog]
    clock: Clock
    redactor: Redactor

    async def baseline(self, run: Run) -> BaselineTaken:
        """What every metric that a check of this run names showed until now."""
        now = self.clock.now()
        names = dict.fromkeys(check.metric_name for check in checks_of(run))
        series = await asyncio.gather(*(self._before(run, name, now) for name in names))
        return BaselineTaken(at=self.clock.now(), series=tuple(series))

    async def check(self, run: Run, due: Due) -> tuple[CheckJudged, tuple[Artifact, ...]]:
        """The verdict on one check, with a picture where there is something to show."""
        now = self.clock.now()
        before = _baseline_of(run, due.check.metric_name)
        # What was rendered then is asked again; what went wrong with reading it then is no reason not to try now.
        known = replace(before, points=(), trouble="") if before is not None and before.query else None
        asked = known or as_asked(self.catalog(), run.opened.service, due.check.metric_name)
        since = run.baseline.at if run.baseline is not None else due.ended_at
        after = await self._after(asked, due, since, now)
        judgement, levels = _judged(due, before, after, since, now)
        drawing = Picture(
            title=_title(run, after),
            sentence=judgement.sentence,
            verdict=judgement.verdict,
            points=(*(before.points if before is not None else ()), *after.points),
            changed_at=since,
            marks=_marks(run),
            before=levels[0],
            after=levels[1],
            limit=due.check.rollback_if_value_exceeds,
        )
        artifacts = await self._drawn(run, due, drawing)
        judged = CheckJudged(
            at=self.clock.now(),
            step=due.step,
            verdict=judgement.verdict,
            sentence=judgement.sentence,
            series=after,
            before=judgement.before,
            after=judgement.after,
            limit=due.check.rollback_if_value_exceeds,
            artifacts=tuple(
                ArtifactRef(
                    name=one.name,
                    media_type=one.media_type,
                    digest=one.digest,
                    size=len(one.body),
                    alt=one.alt,
                )
                for one in artifacts
            ),
        )
        return judged, artifacts

    # ------------------------------------------------------------ reading

    async def _before(self, run: Run, name: str, now: datetime) -> Measured:
        waits = [check.check_after_s for check in checks_of(run) if check.metric_name == name]
        back_s = max(look_back_s(wait_s) for wait_s in waits)
        apart_s = max(min(step_s(wait_s) for wait_s in waits), back_s / MOST_POINTS)
        start = now - timedelta(seconds=back_s)
        return await self._read(
            as_asked(self.catalog(), run.opened.service, name), start, now, apart_s, BASELINE_DEADLINE_S
        )

    async def _after(self, asked: Measured, due: Due, since: datetime, now: datetime) -> Measured:
        """From the first change to now: coarse at first, as fine as it is judged towards the end."""
        wait_s = due.check.check_after_s
        fine = max(due.ended_at, now - timedelta(seconds=2 * wait_s))
        start = max(since, now - LONGEST_PICTURE)
        coarse_s = max((fine - start).total_seconds() / _COARSE_POINTS, step_s(wait_s))
        reads = [self._read(asked, fine, now, step_s(wait_s), CHECK_DEADLINE_S)]
        if start < fine:
            reads.append(self._read(asked, start, fine, coarse_s, CHECK_DEADLINE_S))
        last, *first = await asyncio.gather(*reads)
        points = dict(point for one in (*first, last) for point in one.points)
        return replace(last, points=tuple(sorted(points.items())))

    async def _read(
        self, asked: Measured, start: datetime, end: datetime, apart_s: float, deadline_s: float
    ) -> Measured:
        """The metric with its points, or with why there are none."""
        if asked.trouble:
            return asked
        if self.metrics is None:
            return replace(asked, trouble="no Prometheus is set for this bot (BOT_PROMETHEUS_URL)")
        try:
            async with asyncio.timeout(deadline_s + 1):
                answer = await self.metrics.over(
                    asked.query, start=start, end=end, step_s=apart_s, deadline_s=deadline_s
                )
        except BotError as problem:
            return replace(asked, trouble=self.redactor.redact(problem.message)[0])
        except TimeoutError:
            return replace(asked, trouble="Prometheus did not answer in time")
        if answer.count > 1:
            several = f"its query answers with {answer.count} series instead of one"
            return replace(asked, trouble=several)
        found = answer.series[0] if answer.series else None
        if found is None or not found.points:
            is_no_number = found is not None and found.dropped > 0
            return replace(asked, trouble="its query answered no number (NaN)" if is_no_number else "")
        return replace(
            asked, points=tuple((round(at, 3), float(f"{value:.6g}")) for at, value in found.points)
        )

    # ------------------------------------------------------------ drawing

    async def _drawn(self, run: Run, due: Due, drawing: Picture) -> tuple[Artifact, ...]:
        if len(drawing.points) < 2:
            return ()
        try:
            body = await asyncio.to_thread(draw, drawing)
        except (
            Exception
        ):  # a picture is a courtesy; the verdict must not be lost because it could not be drawn
            log.exception("picture-not-drawn", run=run.id, reference=uuid4().hex[:8])
            return ()
        of = run.steps[due.step].step.name if due.step is not None else run.runbook.name
        name = "".join(char if char.isalnum() or char in "-_" else "-" for char in of)[:60]
        picture = Artifact(
            name=f"check-{name}.png", media_type="image/png", body=body, alt=_alt(drawing)[:_ALT_LIMIT]
        )
        return (picture,)


def as_asked(catalog: Catalog, service: str, name: str) -> Measured:
    """The metric as it would be asked for a service, or why it cannot be."""
    metric = catalog.metrics.get(name)
    if metric is None:
        return Measured(metric=name, trouble="the catalog no longer has this metric")
    asked = Measured(metric=name, better=metric.better, description=metric.description)
    try:
        query = render_text(metric.query, Place.PROMQL, {"service": service} if service else {})
    except BotError as problem:
        return replace(asked, trouble=f"its query cannot be rendered: {problem.message}")
    return replace(asked, query=query)


def _baseline_of(run: Run, name: str) -> Measured | None:
    series = run.baseline.series if run.baseline is not None else ()
    return next((one for one in series if one.metric == name), None)


def _judged(
    due: Due, before: Measured | None, after: Measured, since: datetime, now: datetime
) -> tuple[Judgement, tuple[Level | None, Level | None]]:
    """The verdict, and the two stretches it compares as a picture shows them."""
    wait_s = due.check.check_after_s
    earlier = before.points if before is not None else ()
    first, end = since.timestamp(), now.timestamp()
    standard = Standard(
        metric=due.check.metric_name, better=after.better, limit=due.check.rollback_if_value_exceeds
    )
    judgement = judge(
        standard,
        last_half(earlier, wait_s, until=first, since=float("-inf")),
        last_half(after.points, wait_s, until=end, since=due.ended_at.timestamp()),
    )
    judgement = _explained(judgement, due.check, before, after)
    return judgement, (
        _level(judgement.before, first - wait_s / 2, first),
        _level(judgement.after, max(end - wait_s / 2, due.ended_at.timestamp()), end),
    )


def _level(value: float | None, start: float, end: float) -> Level | None:
    return None if value is None else Level(start=start, end=end, value=value)


def _explained(
    judgement: Judgement, check: MetricCheck, before: Measured | None, after: Measured
) -> Judgement:
    """Where there are no points, say why: it is not the same whether nobody answered or there was no data."""
    if after.trouble:
        return replace(judgement, sentence=f"{check.metric_name} could not be read: {after.trouble}")
    if judgement.before is None and before is None:
        return replace(judgement, sentence=f"{judgement.sentence} (no baseline was taken)")
    if judgement.before is None and before is not None and before.trouble:
        return replace(judgement, sentence=f"{judgement.sentence} (when the run began, {before.trouble})")
    return judgement


def _marks(run: Run) -> tuple[Mark, ...]:
    marks = [
        Mark(name=state.step.name, started_at=one.started.at, ended_at=one.finished_at)
        for state in run.steps.values()
        for one in state.proposals
        if one.started is not None and one.started.plan.changes
    ]
    return tuple(sorted(marks, key=lambda mark: mark.started_at))


def _title(run: Run, measured: Measured) -> str:
    service = f"{run.opened.service} · " if run.opened.service else ""
    about = f": {measured.description}" if measured.description else ""
    return f"{service}{measured.metric}{about}"


def _alt(drawing: Picture) -> str:
    """What the picture shows, for whoever cannot see it."""
    times = sorted(at for at, _ in drawing.points)
    zero = drawing.changed_at.timestamp()
    span = f"from {_ago(zero - times[0])} before to {_ago(times[-1] - zero)} after the first change"
    steps = ", ".join(f"{mark.name} at {_ago(mark.started_at.timestamp() - zero)}" for mark in drawing.marks)
    marked = f" Steps marked: {steps}." if steps else ""
    return f"Line chart of {drawing.title}, {span}. {drawing.sentence}.{marked}"


def _ago(seconds: float) -> str:
    seconds = max(0.0, seconds)
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

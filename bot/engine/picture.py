"""A metric from before to after, with the steps marked on it, as a PNG.

The same picture gives the same bytes (see `canvas`). It is drawn once, when a check is judged, and kept in the journal;
nothing draws it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from bot.engine.canvas import FAINT, INK, drawable, painted
from bot.runs.check import CheckVerdict, Point, number

_WIDTH_IN, _HEIGHT_IN = 8.0, 4.0
_TITLE_LIMIT, _LABEL_LIMIT, _SENTENCE_LIMIT = 70, 22, 110
_MOST_MARKS = 12
_LINE, _LIMIT, _BUSY = "#1f4e79", "#c0392b", "#e8a33d"
_VERDICT = {"better": "#1e7d34", "worse": "#c0392b", "inconclusive": "#8a6d00"}

_ON_WHITE: dict[str, Any] = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none"}


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A step on the time line."""

    name: str
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Level:
    """The stretch that was compared, and the median it came to."""

    start: float
    end: float
    value: float


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Everything that is drawn; times are seconds since 1970."""

    title: str
    sentence: str
    verdict: CheckVerdict
    points: Sequence[Point]
    changed_at: datetime
    """The moment of the first change: zero on the time line."""
    marks: Sequence[Mark] = ()
    before: Level | None = None
    after: Level | None = None
    limit: float | None = None


def draw(picture: Picture) -> bytes:
    """The PNG; the same picture gives the same bytes. Slow the first time: call it in a thread."""

    def paint(figure: Any) -> None:
        axes = figure.add_axes((0.09, 0.14, 0.885, 0.6))
        zero = picture.changed_at.timestamp()
        span_s = max(abs(at - zero) for at, _ in picture.points)
        unit, unit_s = ("seconds", 1.0) if span_s < 180 else ("minutes", 60.0)
        if span_s > 6 * 3600:
            unit, unit_s = "hours", 3600.0
        _Drawing(picture, axes, zero, unit_s).draw()
        moment = picture.changed_at.astimezone(UTC)
        axes.set_xlabel(f"{unit} from the first change, {moment:%Y-%m-%d %H:%M:%S} UTC", color=INK)
        figure.text(0.02, 0.945, drawable(picture.title, _TITLE_LIMIT), size=12, weight="bold", color=INK)
        words = drawable(picture.sentence, _SENTENCE_LIMIT)
        figure.text(0.02, 0.885, words, size=10, color=_VERDICT[picture.verdict])

    return painted(paint, width_in=_WIDTH_IN, height_in=_HEIGHT_IN)


class _Drawing:
    """One picture on its axes; x is in `unit_s` from `zero`. What was compared is shaded, and so is a step that ran."""

    def __init__(self, picture: Picture, axes: Any, zero: float, unit_s: float) -> None:
        self.picture, self.axes = picture, axes
        self.zero, self.unit_s = zero, unit_s

    def x(self, at: float) -> float:
        return (at - self.zero) / self.unit_s

    def draw(self) -> None:
        axes, picture = self.axes, self.picture
        times, values = _with_gaps(picture.points)
        axes.plot([self.x(at) for at in times], values, color=_LINE, linewidth=1.6, zorder=3)
        lonely = [point for point in picture.points if len(picture.points) < 4]
        axes.plot([self.x(at) for at, _ in lonely], [value for _, value in lonely], ".", color=_LINE)
        self._bounds()
        if picture.before is not None:
            self._level(picture.before, "before", FAINT)
        if picture.after is not None:
            self._level(picture.after, "after", _VERDICT[picture.verdict])
        if picture.limit is not None:
            self._limit(picture.limit)
        self._marks()
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.8, zorder=0)
        axes.tick_params(colors=INK, length=3)
        axes.yaxis.set_major_formatter(lambda value, _: number(float(f"{value:.6g}")))

    def _bounds(self) -> None:
        """From zero where nothing is below it, with room above for the labels of levels and limit."""
        shown = [value for _, value in self.picture.points]
        shown += [self.picture.limit] if self.picture.limit is not None else []
        low, high = min(0.0, *shown), max(0.0, *shown)
        room = (high - low) * 0.18 or 1.0
        self.axes.set_ylim(low - (room if low < 0 else 0), high + room)
        edges = [self.x(at) for at, _ in self.picture.points]
        edges += [self.x(mark.started_at.timestamp()) for mark in self.picture.marks]
        slack = (max(edges) - min(edges)) * 0.015 or 1.0
        self.axes.set_xlim(min(edges) - slack, max(edges) + slack)

    def _level(self, level: Level, word: str, color: str) -> None:
        start, end = self.x(level.start), self.x(level.end)
        self.axes.axvspan(start, end, color=color, alpha=0.13, linewidth=0, zorder=1)
        self.axes.plot(
            [start, end], [level.value] * 2, color=color, linewidth=3.2, solid_capstyle="butt", zorder=4
        )
        self.axes.annotate(
            f"{number(level.value)} {word}",
            ((start + end) / 2, 0.985),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="top",
            color=INK,
            weight="bold",
            zorder=6,
            bbox={**_ON_WHITE, "alpha": 0.6},
        )

    def _limit(self, limit: float) -> None:
        self.axes.axhline(limit, color=_LIMIT, linewidth=1.1, linestyle=(0, (5, 3)), zorder=2)
        self.axes.annotate(
            f"limit {number(limit)}",
            (0.0, limit),
            xycoords=("axes fraction", "data"),
            xytext=(4, 3),
            textcoords="offset points",
            color=_LIMIT,
            zorder=6,
        )

    def _marks(self) -> None:
        """A line where each step began, its name above the picture; names that would touch take another row."""
        left, right = self.axes.get_xlim()
        free = [left - 1.0] * 3
        for mark in self.picture.marks[:_MOST_MARKS]:
            x = self.x(mark.started_at.timestamp())
            if mark.ended_at is not None:
                end = self.x(mark.ended_at.timestamp())
                self.axes.axvspan(x, end, color=_BUSY, alpha=0.28, linewidth=0, zorder=1)
            name = drawable(mark.name, _LABEL_LIMIT)
            width = (right - left) * (len(name) + 2) * 0.0105
            row = next((row for row, taken in enumerate(free) if x >= taken), None)
            up = 1 + 0.068 * (0 if row is None else row)
            self.axes.axvline(x, 0, up, color=INK, linewidth=1.1, linestyle=":", zorder=5, clip_on=False)
            if row is None:
                continue  # no room left for its name; the line is there
            is_late = x + width > right
            free[row] = x + (0 if is_late else width)
            self.axes.annotate(
                name,
                (x, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(-2 if is_late else 2, 3 + 11 * row),
                textcoords="offset points",
                ha="right" if is_late else "left",
                color=INK,
                size=8.5,
                zorder=7,
                bbox=_ON_WHITE,
                annotation_clip=False,
            )


def _with_gaps(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """The points, with a break in the line where there was no data for a while."""
    times, values = [at for at, _ in points], [value for _, value in points]
    apart = sorted(later - earlier for earlier, later in pairwise(times))
    if not apart:
        return times, values
    usual = apart[len(apart) * 3 // 4]
    for place in range(len(times) - 1, 0, -1):
        if times[place] - times[place - 1] > 5 * usual:
            times.insert(place, times[place])
            values.insert(place, float("nan"))
    return times, values

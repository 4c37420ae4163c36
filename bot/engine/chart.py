"""The numbers of actions as a PNG: how often people took each as it was, how long they took, what else happened.

One row per action, the busiest on top. The bar is the share of decided steps that were approved unchanged; the line
beside it runs from the median of the time to decide (the dot) to what nine in ten stay below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.engine.canvas import FAINT, INK, drawable, painted
from bot.runs.duration import duration
from bot.runs.statistics import ActionNumbers, Statistics, verdict

MOST_ACTIONS = 20
_WIDTH_IN, _ROW_IN, _REST_IN = 11.0, 0.46, 1.35
_NAME_LIMIT, _WORDS_LIMIT = 34, 52
_USUAL, _CANDIDATE_BAR, _TIME = "#7fa6c9", "#86c795", "#1f4e79"
_CANDIDATE, _TROUBLE = "#1e7d34", "#c0392b"
_TICKS_S = (1, 10, 60, 600, 3600, 6 * 3600)


def draw(found: Statistics, *, title: str = "What becomes of each action") -> bytes:
    """The PNG; the same numbers give the same bytes. Slow the first time: call it in a thread."""
    shown = found.actions[:MOST_ACTIONS]
    height_in = _REST_IN + _ROW_IN * max(1, len(shown))

    def paint(figure: Any) -> None:
        bottom, height = 0.62 / height_in, _ROW_IN * max(1, len(shown)) / height_in
        shares = figure.add_axes((0.235, bottom, 0.235, height))
        times = figure.add_axes((0.515, bottom, 0.185, height))
        _shares(shares, shown, found.candidate_from)
        _times(times, shown)
        _words(times, shown, found.candidate_from)
        left = len(found.actions) - len(shown)
        more = f", and {left} more actions" if left else ""
        figure.text(0.015, 1 - 0.3 / height_in, drawable(title, 80), size=12, weight="bold", color=INK)
        figure.text(0.015, 1 - 0.53 / height_in, f"{found.steps:,} steps{more}", size=9.5, color=FAINT)

    return painted(paint, width_in=_WIDTH_IN, height_in=height_in)


def _rows(axes: Any, shown: Sequence[ActionNumbers]) -> None:
    axes.set_ylim(max(1, len(shown)) - 0.5, -0.5)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0, colors=INK)
    axes.tick_params(axis="x", length=3, colors=INK)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.8, zorder=0)


def _shares(axes: Any, shown: Sequence[ActionNumbers], candidate_from: int) -> None:
    _rows(axes, shown)
    for place, one in enumerate(shown):
        color = _CANDIDATE_BAR if one.is_candidate(at_least=candidate_from) else _USUAL
        axes.barh(place, 1.0, height=0.56, color="#eeeeee", zorder=1)
        axes.barh(place, one.unchanged_share, height=0.56, color=color, zorder=2)
        told = f"{one.unchanged} of {one.decided}" if one.decided > 0 else "nobody had to decide"
        axes.text(0.985, place, told, ha="right", va="center", size=8.5, color=INK, zorder=3)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1.0], ["0 %", "50 %", "100 %"])
    axes.set_yticks(range(len(shown)), [drawable(one.action, _NAME_LIMIT) for one in shown])
    axes.set_xlabel("approved unchanged", color=INK)


def _times(axes: Any, shown: Sequence[ActionNumbers]) -> None:
    _rows(axes, shown)
    axes.set_xscale("log")
    known = []
    for place, one in enumerate(shown):
        if one.median_decide_s is None or one.p90_decide_s is None:
            continue
        median, p90 = max(1.0, one.median_decide_s), max(1.0, one.p90_decide_s)
        known += [median, p90]
        axes.plot([median, p90], [place, place], color=_TIME, linewidth=2.2, alpha=0.55, zorder=2)
        axes.plot([median], [place], "o", color=_TIME, markersize=5.5, zorder=3)
    low, high = min(known, default=1.0) / 1.6, max(known, default=60.0) * 1.6
    axes.set_xlim(low, high)
    ticks = [tick for tick in _TICKS_S if low <= tick <= high]
    axes.set_xticks(ticks, [duration(tick).replace(".0", "").replace(" 0 s", "") for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks([])
    axes.set_xlabel("time to decide: median to 9 in 10", color=INK)


def _words(axes: Any, shown: Sequence[ActionNumbers], candidate_from: int) -> None:
    """What stands out, at the end of each row."""
    for place, one in enumerate(shown):
        has_trouble = one.overridden or one.rolled_back or one.unknown or one.failed
        is_candidate = one.is_candidate(at_least=candidate_from)
        color = _CANDIDATE if is_candidate else _TROUBLE if has_trouble else INK
        told = "a candidate to tag as safe" if is_candidate else verdict(one, at_least=candidate_from, most=3)
        axes.annotate(
            drawable(told, _WORDS_LIMIT),
            (1.04, place),
            xycoords=("axes fraction", "data"),
            va="center",
            size=8.5,
            color=color,
            annotation_clip=False,
        )

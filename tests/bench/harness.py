"""What every measurement shares: figures of samples, a row of the table, and a word on how quiet the machine was.

All times are wall clock, in milliseconds where they are shown. p50 and p95 are taken of the samples themselves, no
mean is shown and no sample is dropped; warm-ups are run before and never kept. A measurement takes its own samples
and those of what stands beside it in turns, so that a busy minute falls on both.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SPINS = 200
COLUMNS = ("what", "n", "p50", "p95", "beside", "p50", "p95", "own p50", "ratio", "promised")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Samples of one thing, in seconds."""

    samples_s: tuple[float, ...]

    def at_ms(self, share: float) -> float:
        """The sample below which this share of all lies."""
        ordered = sorted(self.samples_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    @property
    def p50_ms(self) -> float:
        """The median."""
        return self.at_ms(0.5)

    @property
    def p95_ms(self) -> float:
        """What one in twenty exceeds."""
        return self.at_ms(0.95)


def figures(samples_s: Sequence[float]) -> Figures:
    """The figures of these samples."""
    return Figures(samples_s=tuple(samples_s))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement beside another."""

    what: str
    ours: Figures
    beside_what: str
    beside: Figures
    promised_ms: float | None = None
    """None: shown for what it explains, promised nowhere."""
    promised_p95_ms: float | None = None
    """The promise is about the slowest twentieth of all of ours."""
    promised_ratio: float | None = None
    """The promise is how our median stands to that of the other."""
    note: str = ""
    """What else was held to a promise, said behind it."""
    is_own: bool = True
    """The promise is about our own time, what is left when the other is taken away; else about all of it."""

    @property
    def own_ms(self) -> float:
        """The median of ours less the median of the other."""
        return self.ours.p50_ms - self.beside.p50_ms

    @property
    def ratio(self) -> float:
        """Our median over the other."""
        return self.ours.p50_ms / self.beside.p50_ms

    @property
    def is_kept(self) -> bool:
        """Whether it is as fast as promised."""
        if self.promised_ratio is not None:
            return self.ratio <= self.promised_ratio
        if self.promised_p95_ms is not None:
            return self.ours.p95_ms <= self.promised_p95_ms
        found_ms = self.own_ms if self.is_own else self.ours.p50_ms
        return self.promised_ms is None or found_ms <= self.promised_ms

    def cells(self) -> tuple[str, ...]:
        """As the table shows it, in the order of `COLUMNS`."""
        promise = ""
        if self.promised_ms is not None:
            promise = f"{'own' if self.is_own else 'p50'} ≤ {self.promised_ms:g}"
        if self.promised_p95_ms is not None:
            promise = f"p95 ≤ {self.promised_p95_ms:g}"
        if self.promised_ratio is not None:
            promise = f"ratio ≤ {self.promised_ratio:g}x"
        if promise:
            promise += "  kept" if self.is_kept else "  MISSED"
        if self.note:
            promise += f"; {self.note}"
        return (
            self.what,
            str(len(self.ours.samples_s)),
            f"{self.ours.p50_ms:.2f}",
            f"{self.ours.p95_ms:.2f}",
            self.beside_what,
            f"{self.beside.p50_ms:.2f}",
            f"{self.beside.p95_ms:.2f}",
            f"{self.own_ms:.2f}",
            f"{self.ratio:.2f}x",
            promise,
        )


def table(rows: Sequence[Row]) -> str:
    """The rows as text, times in milliseconds."""
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    is_text = (True, False, False, False, True, False, False, False, False, True)

    def shown(line: Sequence[str]) -> str:
        cells = (
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(line, widths, is_text, strict=True)
        )
        return "  ".join(cells).rstrip()

    return "\n".join([shown(lines[0]), "  ".join("-" * width for width in widths), *map(shown, lines[1:])])


def noise() -> str:
    """How quiet the machine is now: the same small sum many times; on a quiet machine p95 is close to p50."""
    spins = figures([timed(_spin) for _ in range(SPINS)])
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{os.cpu_count()} cores, load {load}; the same sum {SPINS} times: "
        f"p50 {spins.p50_ms:.2f} ms, p95 {spins.p95_ms:.2f} ms, worst {spins.at_ms(1):.2f} ms"
    )


def timed(act: Callable[[], object]) -> float:
    """How long it takes, in seconds."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _spin() -> int:
    return sum(range(50_000))

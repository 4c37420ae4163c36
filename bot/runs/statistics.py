"""What the record says about each action: how often people agree with it as it is, and how long they take.

`ActionNumbers` is one line of a count the journal makes over its steps; everything here only reads such lines. An
action is a candidate for running unattended when people have always approved it, unchanged, often enough, and nothing
ever went wrong with it: whether to tag it is still theirs to say, in Git.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.runs.duration import duration

CANDIDATE_FROM = 10
"""Approvals in a row, without one exception, before an action is worth a thought; a dozen nights of one team."""

BAR_WIDTH = 24


@dataclass(frozen=True, kw_only=True)
class ActionNumbers:
    """One action over the steps that were counted; a step is counted once, whatever was tried how often."""

    action: str
    steps: int
    """Reached: put before people, or run by a tag."""
    unattended: int = 0
    unchanged: int = 0
    """Approved by people, and not edited."""
    edited: int = 0
    rejected: int = 0
    skipped: int = 0
    overridden: int = 0
    expired: int = 0
    cancelled: int = 0
    succeeded: int = 0
    failed: int = 0
    unknown: int = 0
    rolled_back: int = 0
    manual: int = 0
    """Ended in human hands (`requires_manual`)."""
    waiting: int = 0
    """Not over yet."""
    median_decide_s: float | None = None
    p90_decide_s: float | None = None

    @property
    def decided(self) -> int:
        """Steps that people had to say something about, and that are over."""
        return self.steps - self.unattended - self.waiting

    @property
    def unchanged_share(self) -> float:
        """How often of those they took it as it was; 0 where there are none."""
        return min(1.0, self.unchanged / self.decided) if self.decided > 0 else 0.0

    def is_candidate(self, *, at_least: int = CANDIDATE_FROM) -> bool:
        """Whether the record speaks for a tag; whoever reviews it in Git decides."""
        exceptions = (
            self.edited + self.rejected + self.skipped + self.overridden + self.expired + self.cancelled
        )
        troubles = self.failed + self.unknown + self.rolled_back + self.manual
        is_clean = not exceptions and not troubles and not self.unattended
        return is_clean and self.unchanged >= at_least and self.unchanged == self.decided


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """All actions that were counted, the busiest first."""

    actions: tuple[ActionNumbers, ...]
    candidate_from: int = CANDIDATE_FROM

    @property
    def candidates(self) -> tuple[ActionNumbers, ...]:
        """Those the record speaks for."""
        return tuple(one for one in self.actions if one.is_candidate(at_least=self.candidate_from))

    @property
    def steps(self) -> int:
        """How many steps were counted."""
        return sum(one.steps for one in self.actions)


def statistics(numbers: Iterable[ActionNumbers], *, candidate_from: int = CANDIDATE_FROM) -> Statistics:
    """The numbers in the order they are shown."""
    ordered = sorted(numbers, key=lambda one: (-one.steps, one.action))
    return Statistics(actions=tuple(ordered), candidate_from=candidate_from)


def bar(share: float, *, width: int = BAR_WIDTH) -> str:
    """A share of 1 as a bar of text, empty part included; anything above nothing shows."""
    filled = min(width, max(1 if share > 0 else 0, round(share * width)))
    return "█" * filled + "░" * (width - filled)


def verdict(numbers: ActionNumbers, *, at_least: int = CANDIDATE_FROM, most: int = 10) -> str:
    """What is worth knowing about an action, the worst first, in so many words at most."""
    if numbers.is_candidate(at_least=at_least):
        return f"always approved unchanged, {numbers.unchanged} times: a candidate to tag as safe"
    return exceptions(numbers, most=most) or "nothing stands out yet"


def exceptions(numbers: ActionNumbers, *, most: int = 10) -> str:
    """What else became of it than being approved as it was, the worst first: `2 rolled back, 1 failed`."""
    parts = [f"{count} {word}" for word, count in _notable(numbers) if count]
    return ", ".join(parts[:most]) + (", …" if len(parts) > most else "")


def _notable(numbers: ActionNumbers) -> Sequence[tuple[str, int]]:
    return (
        ("overridden", numbers.overridden),
        ("rolled back", numbers.rolled_back),
        ("unknown", numbers.unknown),
        ("failed", numbers.failed),
        ("rejected", numbers.rejected),
        ("skipped", numbers.skipped),
        ("edited", numbers.edited),
        ("expired", numbers.expired),
        ("cancelled", numbers.cancelled),
        ("unattended", numbers.unattended),
    )


def decide_time(numbers: ActionNumbers) -> str:
    """How long people take: `41 s, 9 in 10 within 3 min`; "" where nobody had to decide."""
    if numbers.median_decide_s is None or numbers.p90_decide_s is None:
        return ""
    return f"{duration(numbers.median_decide_s)}, 9 in 10 within {duration(numbers.p90_decide_s)}"


def summary(found: Statistics, *, most: int = 10) -> tuple[str, ...]:
    """The whole as a few plain lines, for a message or a small screen; data in them is not encoded yet."""
    lines = []
    for one in found.actions[:most]:
        steps = "1 step" if one.steps == 1 else f"{one.steps} steps"
        told = f"{one.action}: {steps}, {verdict(one, at_least=found.candidate_from)}"
        time = decide_time(one)
        lines.append(f"{told}; decided in {time}" if time else told)
    if len(found.actions) > most:
        lines.append(f"and {len(found.actions) - most} more actions")
    return tuple(lines)

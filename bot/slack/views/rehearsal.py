"""What one person is told who tried a step dry: what it would do, what the other side said, that nothing happened."""

from __future__ import annotations

from bot.engine.operations import Rehearsal
from bot.slack import text

RUNS_ROOM = 1200
OUTPUT_ROOM = 1200


def rehearsal(one: Rehearsal) -> str:
    """The answer as markup, for that person alone."""
    name = text.value(one.step, 80)
    summary = text.stopped(text.value(one.result.summary, 1000))
    if one.result.verdict == "succeeded":
        parts = [f"*Dry run of {name}: nothing was changed.* {text.capital(summary)}"]
    else:
        parts = [
            f"*Dry run of {name}: it would not go through.* {text.capital(summary)} Nothing was changed."
        ]
    if one.changes:
        changes = text.listed([text.value(change, 200) for change in one.changes], most=5)
        parts.append(f"The state is not what was proposed ({changes}), so it would be proposed anew first.")
    if one.plan.will_run:
        parts.append(
            "It would run:\n" + text.fence_end("\n".join(one.plan.will_run), RUNS_ROOM, most_lines=20)
        )
    if one.result.output.strip():
        parts.append("What was found out:\n" + text.fence_end(one.result.output, OUTPUT_ROOM))
    return "\n".join(parts)

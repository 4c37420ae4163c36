"""What the journal keeps of an outcome."""

from __future__ import annotations

from bot.engine.recording import OUTPUT_LIMIT, result_of
from bot.runs.plan import Outcome, Plan
from bot.telemetry import Redactor


def test_of_long_output_the_end_is_kept_in_whole_lines_and_all_of_it_in_a_file() -> None:
    output = "".join(f"line {number}\n" for number in range(2000))
    outcome = Outcome(verdict="succeeded", effect="applied", summary="", output=output)
    plan = Plan(type="shell", input={}, targets=(), text="")
    result, files = result_of(outcome, plan, (), redactor=Redactor(()), duration_s=1.0, name="a")
    assert result.output_cut
    assert len(result.output) <= OUTPUT_LIMIT
    assert result.output.endswith("line 1999\n")
    assert result.output.splitlines()[0] in output.splitlines()
    assert files[0].body.decode() == output

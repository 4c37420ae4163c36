"""What a metric check came to, drawn in a line of text, and the question it puts to people; what will be checked."""

from __future__ import annotations

from bot.catalog.schema import MetricCheck, Runbook
from bot.runs.check import number
from bot.runs.events import ArtifactRef, Asked, CheckJudged, StepKey
from bot.runs.plan import JsonObject
from bot.runs.state import Run
from bot.slack import ids, text
from bot.slack.blocks import actions, button, confirm, section
from bot.slack.views.drawn import Drawn, drawn
from bot.slack.views.people import mentions
from bot.slack.views.run import step_title
from bot.slack.views.sparkline import sparkline

_SIGNS = {"better": "✓", "worse": "✗", "inconclusive": "?"}


def check(run: Run, event: CheckJudged, *, asked: Asked | None, is_open: bool, became: str) -> Drawn:
    """The verdict in a sentence and a line; with the choice to undo or keep while a person has to make it."""
    head = f"{_SIGNS[event.verdict]} *Checked after {checked(run, event.step)}:* {_sentence(event)}"
    blocks = [section(head)]
    line = _line(run, event)
    if line:
        blocks.append(section(line))
    if became:
        blocks.append(section(became))
    if is_open:
        people = mentions(asked) if asked is not None else ""
        call = f"{people}: " if people else ""
        blocks.append(section(f"{call}undo what was done, or keep it? The run waits for you."))
        blocks.append(actions(_buttons(run, event)))
        return drawn(f"{call}{head} Undo what was done, or keep it?", blocks)
    return drawn(f"{head} {became}".strip(), blocks)


def checked(run: Run, key: StepKey | None) -> str:
    """`step 2 of 3 (scale-out)`, or `the run` as a whole; for the middle of a sentence."""
    if key is None:
        return "the run"
    title = step_title(run, key)
    return title[:1].lower() + title[1:]


def picture_of(run: Run, event: CheckJudged, ref: ArtifactRef) -> str:
    """The sentence that introduces the picture."""
    metric = text.code(event.series.metric)
    return f"{metric} from before to after {checked(run, event.step)}, the steps marked: {text.value(ref.name, 120)}"


def follows(runbook: Runbook, key: StepKey) -> str:
    """What will be checked once this step ran; "" where nothing is. It belongs to what one agrees to."""
    steps = runbook.steps if key.phase == "steps" else runbook.on_reject
    own = steps[key.index].check if key.index < len(steps) else None
    lines = [_follows(own, "this step")] if own is not None else []
    if runbook.metric_check is not None and key.phase == "steps":
        lines.append(_follows(runbook.metric_check, "the last change"))
    if not lines:
        return ""
    then = "it is undone by itself" if runbook.rollback_on_failure else "you are asked whether to undo it"
    return f"*Afterwards:* {'; '.join(lines)}. If that is worse, {then}."


def _follows(one: MetricCheck, what: str) -> str:
    limit = one.rollback_if_value_exceeds
    most = f" (at most {limit:g})" if limit is not None else ""
    return f"{text.code(one.metric_name)} is checked {text.duration(one.check_after_s)} after {what}{most}"


def _sentence(event: CheckJudged) -> str:
    return text.stopped(text.value(event.sentence, 500))


def _line(run: Run, event: CheckJudged) -> str:
    """The series before and after the first change, with what it begins and ends with."""
    series = run.baseline.series if run.baseline is not None else ()
    before = next((one.points for one in series if one.metric == event.series.metric), ())
    drawing = sparkline(before, event.series.points)
    if not drawing:
        return ""
    points = (*before, *event.series.points)
    span = text.duration(points[-1][0] - points[0][0])
    values = [value for _, value in points]
    bounds = f"between {number(min(values))} and {number(max(values))}"
    return f"{text.code(drawing)} over {span}, {bounds}; the bar is the first change"


def _buttons(run: Run, event: CheckJudged) -> list[JsonObject]:
    carried = ids.run_value(ids.RunRef(run_id=run.id, step=event.step))
    return [
        button(
            "Undo",
            action_id=ids.CHECK_UNDO,
            value=carried,
            style="danger",
            asks=confirm(
                title="Undo this run?",
                words="Everything this run changed is undone, last done first. Each looks at the state again, and the "
                "first that fails stops it.",
                yes="Undo",
                style="danger",
            ),
        ),
        button(
            "Keep it",
            action_id=ids.CHECK_KEEP,
            value=carried,
            asks=confirm(
                title="Keep what was done?",
                words="Nothing is undone, and the run goes on as if the metric were fine.",
                yes="Keep it",
            ),
        ),
    ]

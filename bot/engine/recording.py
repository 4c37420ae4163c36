"""An outcome as the journal may keep it: expectations checked, secrets removed, long output moved into a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.catalog.patterns import compile_pattern
from bot.catalog.schema import Expect
from bot.runs.events import ArtifactRef, Expectation, Result
from bot.runs.plan import Artifact, Outcome, Plan
from bot.telemetry import Redactor

OUTPUT_LIMIT = 4000
"""Characters of output kept inside the event, its end: what went wrong stands there. The rest is in the file."""

FILE_FROM = 1500
"""Output longer than this ends as a file in the thread as well."""


def result_of(
    outcome: Outcome,
    plan: Plan,
    expect: Sequence[Expect],
    *,
    redactor: Redactor,
    duration_s: float,
    name: str,
) -> tuple[Result, tuple[Artifact, ...]]:
    """The stored form of an outcome and the files that belong to it."""
    expectations = _expectations(expect, outcome) if outcome.verdict == "succeeded" else ()
    outcome = _judged(outcome, expectations)
    output, was_redacted = redactor.redact(outcome.output)
    summary, _ = redactor.redact(outcome.summary)
    artifacts = tuple(_redacted(artifact, redactor) for artifact in outcome.artifacts)
    if len(output) > FILE_FROM:
        artifacts = (
            Artifact(name=f"{name}-output.txt", media_type="text/plain", body=output.encode()),
            *artifacts,
        )
    refs = tuple(ref_of(one) for one in artifacts)
    result = Result(
        verdict=outcome.verdict,
        effect=outcome.effect if plan.changes or outcome.verdict == "unknown" else "none",
        summary=summary,
        output=_end(output),
        output_cut=len(output) > OUTPUT_LIMIT,
        output_redacted=was_redacted,
        expectations=expectations,
        undo_fill=outcome.undo_fill,
        artifacts=refs,
        duration_s=round(duration_s, 3),
    )
    return result, artifacts


def ref_of(artifact: Artifact) -> ArtifactRef:
    """A file by its digest, as events name it."""
    return ArtifactRef(
        name=artifact.name,
        media_type=artifact.media_type,
        digest=artifact.digest,
        size=len(artifact.body),
        is_shown=artifact.is_shown,
    )


def _end(output: str) -> str:
    """The last lines that fit, whole ones where there are line breaks."""
    if len(output) <= OUTPUT_LIMIT:
        return output
    kept = output[-OUTPUT_LIMIT:]
    _, broken, whole = kept.partition("\n")
    return whole if broken and whole else kept


def _expectations(expect: Sequence[Expect], outcome: Outcome) -> tuple[Expectation, ...]:
    return tuple(
        Expectation(
            pattern=one.pattern,
            found=compile_pattern(one.pattern).search(outcome.output),
            allow_failure=one.allow_failure,
        )
        for one in expect
    )


def _judged(outcome: Outcome, expectations: Sequence[Expectation]) -> Outcome:
    """A missing pattern fails a step that succeeded; its effect stands."""
    missing = [one.pattern for one in expectations if not one.found and not one.allow_failure]
    if not missing:
        return outcome
    patterns = ", ".join(f"`{pattern}`" for pattern in missing)
    return replace(
        outcome, verdict="failed", summary=f"{outcome.summary}, but the output does not show {patterns}"
    )


def _redacted(artifact: Artifact, redactor: Redactor) -> Artifact:
    try:
        text, _ = redactor.redact(artifact.body.decode())
    except UnicodeDecodeError:
        if not artifact.media_type.startswith("text/"):
            return artifact  # a picture, say: whoever made it answers for what is in it
        text, _ = redactor.redact(artifact.body.decode(errors="replace"))
    return replace(artifact, body=text.encode())

"""A diagnosis as people read it: the cause with its words, what else was seen, what changed, what is not known."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from bot.diagnosis.evidence import Evidence
from bot.diagnosis.findings import HEALTHY, Finding
from bot.runs.plan import JsonObject

_SECTIONS = (
    ("What changed last", "Change"),
    ("Its revisions", "History"),
    ("The alert", "Alert"),
    ("Numbers around the start", "Metric"),
    ("What the bot did here before", "Run"),
)
BRIEF_FINDINGS = 3
BRIEF_QUOTE = 200
BRIEF_GAPS = 4
_ADDRESS = re.compile(r":(?=//)|\bwww(?=\.)|@(?=[\w-]+\.)", re.IGNORECASE)
"""Where a viewer would make a link without being asked; a space behind it keeps it from that."""
_UNSEEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")


def summary(evidence: Evidence, findings: Sequence[Finding]) -> str:
    """One sentence."""
    if not findings:
        return f"what is wrong with {evidence.subject.words} cannot be told from what could be read"
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"{visible(findings[0].title)}{more}"


def brief(findings: Sequence[Finding]) -> str:
    """The first few with their words, to read in a chat."""
    lines: list[str] = []
    for number, found in enumerate(findings[:BRIEF_FINDINGS], start=1):
        lines.append(f"{number}. {found.confidence}: {found.title}")
        lines += [f"   > {' '.join(one.text.split())[:BRIEF_QUOTE]}" for one in found.quotes[:1]]
    more = len(findings) - BRIEF_FINDINGS
    return "\n".join(map(visible, [*lines, f"and {more} more"] if more > 0 else lines))


def gaps_in_short(evidence: Evidence) -> str:
    """What could not be read, the first few by name, with the first reason; "" where everything was."""
    if not evidence.gaps:
        return ""
    names = list(dict.fromkeys(gap.what for gap in evidence.gaps))
    more = f" and {len(names) - BRIEF_GAPS} more" if len(names) > BRIEF_GAPS else ""
    return visible(" ".join(f"{', '.join(names[:BRIEF_GAPS])}{more} ({evidence.gaps[0].why})".split()))


def markdown(evidence: Evidence, findings: Sequence[Finding]) -> str:
    """The whole report."""
    return "\n".join(_lines(evidence, findings)) + "\n"


def _lines(evidence: Evidence, findings: Sequence[Finding]) -> Iterator[str]:
    yield f"# {evidence.subject.words}"
    yield ""
    when = f"{evidence.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"{_sentence(summary(evidence, findings))} Read at {when}; nothing was changed."
    for number, found in enumerate(findings, start=1):
        yield from ("", f"## {number}. {plain(found.title)}", "")
        often = f" Seen {found.count} times; this is one of them." if found.count > 1 else ""
        yield f"{found.confidence.capitalize()} (`{found.kind}`): {plain(found.reason)}.{often}"
        for one in found.quotes:
            yield from ("", *quoted(one.text), "", f"from `{_code(one.item)}`")
        if found.look_at and found.kind != HEALTHY:
            yield from ("", f"Look: `{_code(found.look_at)}`")
    for heading, kind in _SECTIONS:
        items = list(evidence.of(kind))
        if items:
            yield from ("", f"## {heading}")
        for item in items:
            yield from ("", *quoted(item.text), "", f"from `{_code(item.id)}`")
    if evidence.gaps:
        yield from ("", "## What could not be read", "")
        reasons: dict[str, list[str]] = {}
        for gap in evidence.gaps:
            reasons.setdefault(gap.why, []).append(gap.what)
        yield from (f"- {plain(', '.join(what))}: {plain(why)}" for why, what in reasons.items())


def as_json(evidence: Evidence, findings: Sequence[Finding]) -> JsonObject:
    """The same for programs, with all the evidence."""
    told = [{**vars(found), "quotes": [vars(one) for one in found.quotes]} for found in findings]
    return {"summary": summary(evidence, findings), "findings": told, "evidence": evidence.as_json()}


def _sentence(text: str) -> str:
    return f"{plain(text[:1].upper() + text[1:])}."


def quoted(text: str) -> Iterator[str]:
    """An indented block: nothing in it is read as Markdown."""
    return (f"    {visible(line)}" for line in text.splitlines() or [""])


def plain(text: str) -> str:
    """Words from outside on one line, with nothing that Markdown would make a link, a heading or HTML of."""
    line = _ADDRESS.sub(lambda found: f"{found[0]} ", visible(" ".join(text.split())))
    return "".join(f"\\{one}" if one in "\\`*_[]<>#|~&" else one for one in line)


def _code(text: str) -> str:
    return visible(" ".join(text.split())).replace("`", "'")


def visible(text: str) -> str:
    """What nobody would see (controls, marks that reorder or hide text, tags) stands as U+FFFD."""
    return "".join("\ufffd" if unicodedata.category(one) in _UNSEEN and one != "\t" else one for one in text)

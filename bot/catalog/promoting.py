"""A promotion written into the text of `promotions.yaml`: everything that others wrote there stays as it is.

The file is reviewed like code, so it is edited as a person would: one entry is added at the end, or put in the place
of the one that an older digest of the same thing left there. Comments, the order and the style of all other entries
are kept. Whatever a text looks like, it is read again before it is given back, and must say exactly what it said
before and the new promotion; where it would not, nothing is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from bot.catalog.promotion import Promotion, read_promotions
from bot.catalog.reading import parse_document
from bot.catalog.source import Document
from bot.catalog.yaml_text import Listed, find_list
from bot.errors import BadInput

HEADER = "# What was let into which environment, and on what evidence. Written by `runbookctl promote`.\n"

_BARE = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_WORDS = frozenset({"true", "false", "null"})
_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


def with_promotion(text: str, promotion: Promotion, *, is_json: bool = False) -> str:
    """The file's new text ("" is a file that is not there). Raises BadInput where it cannot be edited safely."""
    before = _read(text, is_json=is_json) if text.strip() else []
    index = _place(before, promotion)
    made = _in_json(text, promotion, index) if is_json else _in_yaml(text, promotion, index)
    expected = [*before]
    if index is None:
        expected.append(promotion)
    else:
        expected[index] = promotion
    if _read(made, is_json=is_json) != expected:
        raise BadInput(
            "promotions.yaml is written in a way that cannot be edited safely",
            hint=f"add this by hand under promotions:\n{_block(promotion, '  ')}",
        )
    return made


def standing(promotions: Sequence[Promotion], promotion: Promotion) -> Promotion | None:
    """The promotion of the same digest into the same environment, where there is one already."""
    return next(
        (one for one in promotions if _key(one) == _key(promotion) and one.digest == promotion.digest), None
    )


def _key(promotion: Promotion) -> tuple[str, str, str, str]:
    return promotion.action, promotion.runbook, promotion.finding, promotion.environment


def _place(before: Sequence[Promotion], promotion: Promotion) -> int | None:
    """The entry that this one takes the place of: the same thing in the same environment, now of another digest."""
    return next((index for index, one in enumerate(before) if _key(one) == _key(promotion)), None)


def _read(text: str, *, is_json: bool) -> list[Promotion]:
    document = Document(path="promotions.json" if is_json else "promotions.yaml")
    if text.strip():
        parse_document(document, text.encode())
    found = read_promotions(document)
    # A file of comments alone is no data yet, and that is no problem here.
    only_comments = all(line.lstrip().startswith("#") or not line.strip() for line in text.split("\n"))
    if document.problems and not only_comments:
        raise BadInput(f"promotions.yaml cannot be edited: {document.problems[0].message}")
    return found


# ---------------------------------------------------------------- JSON


def _in_json(text: str, promotion: Promotion, index: int | None) -> str:
    data = json.loads(text) if text.strip() else {}
    entries = data.setdefault("promotions", [])
    if index is None:
        entries.append(_said(promotion))
    else:
        entries[index] = _said(promotion)
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _said(promotion: Promotion) -> dict[str, object]:
    """What is written of it, in the order people read it."""
    return {name: value for name, value in promotion.model_dump(mode="json").items() if value not in ("", {})}


# ---------------------------------------------------------------- YAML


def _in_yaml(text: str, promotion: Promotion, index: int | None) -> str:
    text = text if not text or text.endswith("\n") else text + "\n"
    listed = find_list(text, "promotions") if text.strip() else None
    if listed is None:
        return f"{text or HEADER}promotions:\n{_block(promotion, '  ')}"
    if not listed.items:
        return _into_empty(text, listed, promotion)
    if listed.is_flow:
        return _into_flow(text, listed, promotion, index)
    return _into_block(text, listed, promotion, index)


def _into_empty(text: str, listed: Listed, promotion: Promotion) -> str:
    """`promotions: []` becomes a list; a comment behind the brackets stays."""
    end = text.index("\n", listed.end) + 1
    line = (text[: listed.start].rstrip(" ") + text[listed.end : end]).rstrip() + "\n"
    return f"{line}{_block(promotion, '  ')}{text[end:]}"


def _into_flow(text: str, listed: Listed, promotion: Promotion, index: int | None) -> str:
    entry = _quoted(_said(promotion))
    if index is None:
        at = listed.items[-1][1]
        return f"{text[:at]}, {entry}{text[at:]}"
    start, end = listed.items[index]
    return text[:start] + entry + text[end:]


def _into_block(text: str, listed: Listed, promotion: Promotion, index: int | None) -> str:
    indent = " " * (listed.start - text.rfind("\n", 0, listed.start) - 1)
    if index is None:
        at = _after_line(text, listed.items[-1][1])
        return text[:at] + _block(promotion, indent) + text[at:]
    start, end = listed.items[index]
    start, end = text.rfind("\n", 0, start) + 1, _after_line(text, end)
    remarks = [line for line in text[start:end].splitlines(keepends=True) if line.lstrip().startswith("#")]
    return text[:start] + "".join(remarks) + _block(promotion, indent) + text[end:]


def _after_line(text: str, offset: int) -> int:
    """The start of the next line; a block text ends there already."""
    return offset if text[offset - 1] == "\n" else text.index("\n", offset) + 1


def _block(promotion: Promotion, indent: str) -> str:
    lines = []
    for name, value in _said(promotion).items():
        if isinstance(value, dict):
            lines.append(f"{name}:")
            lines += [f"  {_quoted(key)}: {_quoted(inner)}" for key, inner in value.items()]
        else:
            lines.append(f"{name}: {_quoted(value)}")
    dashed = [("- " if position == 0 else "  ") + line for position, line in enumerate(lines)]
    return "".join(f"{indent}{line}\n" for line in dashed)


def _quoted(value: object) -> str:
    """A value as YAML and JSON both read it; a plain word stays one."""
    if isinstance(value, str) and _BARE.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_quoted(key)}: {_quoted(inner)}" for key, inner in value.items()) + " }"
    text = json.dumps(value, ensure_ascii=False)
    return _BREAKS.sub(lambda found: f"\\u{ord(found.group()):04x}", text)

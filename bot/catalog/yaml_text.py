"""YAML with places: the one module that knows PyYAML, used for its grammar only.

- libyaml composes the nodes (ten times the speed of the Python parser). It recurses in C without a bound, so
  what looks deep is counted by events first: a hundred thousand brackets would end the process otherwise.
- Plain words are resolved by the small rules of YAML 1.2: only `true`, `false`, `null` and numbers are not text.
  `no` stays the text it is, `22:22` is not 1342, `010` is not 8. Tags other than the plain kinds are refused.
- Aliases and merge keys are followed; every node counts again each time, which bounds what a few aliases of
  aliases can stand for.
- A file with a mistake in one line is usually right in all others. Where the mistake is one of the two that
  people make (`- pattern: "x", allow_failure: true`, an unquoted colon in a text), the corrected line becomes
  the hint, is put in its place, and reading goes on: one run shows every problem.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, cast

import yaml

from bot.catalog.source import DEPTH_LIMIT, Builder, Document, Lines, Location, Mark, NotReadable

_PLAIN, _TEXT = "plain", "text"
_STANDARD = "tag:yaml.org,2002:"
_KINDS = {"str": _TEXT, "null": _PLAIN, "bool": _PLAIN, "int": _PLAIN, "float": _PLAIN}
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
# An exponent needs its sign, as JSON writers give it one: `12e4` is somebody's commit.
_FLOAT = re.compile(
    r"[-+]?(?:[0-9]{1,40}\.[0-9]{0,40}|\.[0-9]{1,40}|[0-9]{1,40}(?=[eE]))(?:[eE][-+][0-9]{1,3})?"
)
_REPAIR_LIMIT = 20
_DEEP_LINE = re.compile(r"^(?: {80}|[ ]*(?:[-?] +){20})", re.MULTILINE)

_ITEM = re.compile(r"^(?P<indent> *)(?P<dash>- +)?(?P<body>[A-Za-z_][\w-]*: .*)$")
_NEXT_PAIR = re.compile(r", +(?=[A-Za-z_][\w-]*: )")
_KEY_AND_TEXT = re.compile(
    r"^(?P<start> *(?:- +)?[A-Za-z_][\w-]*: +)(?P<text>[^\s\"'|>{\[&*!#].*?)(?P<rest> *(?: #.*)?)$"
)
_COMMENT = re.compile(r" +#[^\"']*$")
_UNSAFE_IN_FLOW = re.compile(r"[\[\]{},]|: |#")


class _Composer(yaml.CSafeLoader):
    """libyaml's composer with resolving left to us: all it must tell is whether a scalar was plain."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:  # noqa: ARG002
        return _PLAIN if kind is yaml.ScalarNode and implicit[0] else _TEXT

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """Paths do not decide kinds here."""

    def ascend_resolver(self) -> None:
        """Paths do not decide kinds here."""


def read(text: str, document: Document) -> None:
    """Read `text` into `document`. Raises NotReadable where reading cannot go on."""
    for _ in range(_REPAIR_LIMIT):
        try:
            node = _compose(text)
            break
        except yaml.MarkedYAMLError as error:
            text = _repaired(text, error, document)
    else:
        raise NotReadable("RB002", "too many lines of this file are not valid YAML", (1, 1))
    if node is None:
        raise NotReadable("RB002", "the file is empty", (1, 1))
    document.data = _Reader(document).value(node, ())


@dataclass(frozen=True)
class Listed:
    """Where a list stands in a text, and each of its items, as offsets; block items without what follows them."""

    is_flow: bool
    start: int
    end: int
    items: tuple[tuple[int, int], ...]


def find_list(text: str, key: str) -> Listed | None:
    """The list under a key of the outermost mapping, for writing into a file by hand; None where there is none."""
    node = _compose(text)
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    found = next((value for name, value in pairs if name.value == key), None)
    if not isinstance(found, yaml.SequenceNode):
        return None
    lines = Lines(text)
    return Listed(
        is_flow=bool(found.flow_style),
        start=lines.offset(_mark(found.start_mark)),
        end=lines.offset(_mark(found.end_mark)),
        items=tuple(
            (lines.offset(_mark(item.start_mark)), lines.offset(_last(item))) for item in found.value
        ),
    )


def _last(node: yaml.Node) -> Mark:
    """Where a node's own text ends; the grammar ends a block only where the next thing begins."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return _mark(node.end_mark)
    leaf = node.value[-1]
    return _last(leaf[1] if isinstance(leaf, tuple) else leaf)


def _compose(text: str) -> yaml.Node | None:
    if text.count("[") + text.count("{") > DEPTH_LIMIT or _DEEP_LINE.search(text):
        _refuse_depth(text)
    return _Composer(text).get_single_node()


def _refuse_depth(text: str) -> None:
    """Events come without recursion, so this is safe at any depth."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_LIMIT:
                raise NotReadable(
                    "RB004", f"nested deeper than {DEPTH_LIMIT} levels", _mark(event.start_mark)
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _mark(mark: Any) -> Mark:
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


class _Reader:
    """Nodes to data; each visit counts, also of a node that an alias names again."""

    def __init__(self, document: Document) -> None:
        self.builder = Builder(document)
        self.document = document
        self.open: set[int] = set()

    def value(self, node: yaml.Node, location: Location) -> Any:
        mark = _mark(node.start_mark)
        self.builder.enter(location, mark)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, mark)
        if node.tag not in (_TEXT, _STANDARD + "map", _STANDARD + "seq"):
            raise _foreign_tag(node.tag, mark)
        if id(node) in self.open:
            raise NotReadable("RB004", "an alias stands inside the very thing it names", mark)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*location, index)) for index, item in enumerate(node.value)]
            return self._mapping(cast("yaml.MappingNode", node), location)
        finally:
            self.open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = _mark(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                raise NotReadable(
                    "RB004",
                    "a mapping or list stands where a name is expected",
                    mark,
                    hint='a placeholder needs quotes in YAML: "{{ params.name }}"',
                )
            if key_node.value == "<<" and key_node.tag == _PLAIN:
                merged = {**self._merged(value_node, location), **merged}
                continue
            if self.builder.key(found, location, key_node.value, mark):
                found[key_node.value] = self.value(value_node, (*location, key_node.value))
        return {**merged, **found}

    def _merged(self, node: yaml.Node, location: Location) -> dict[str, Any]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        own_mark = self.document.values[location]
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise NotReadable("RB004", "<<: wants a mapping to merge", _mark(node.start_mark))
            # Read in place: the keys of what is merged keep the marks of where they were written.
            data = self.value(source, location)
            merged = {**data, **merged}
        self.document.values[location] = own_mark
        return merged

    def _scalar(self, node: yaml.ScalarNode, mark: Mark) -> Any:
        text: str = node.value
        if node.tag == _TEXT:
            return text
        if node.tag != _PLAIN:
            kind = _KINDS.get(node.tag.removeprefix(_STANDARD)) if node.tag.startswith(_STANDARD) else None
            if kind is None:
                raise _foreign_tag(node.tag, mark)
            if kind == _TEXT:
                return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        return text


def _foreign_tag(tag: str, mark: Mark) -> NotReadable:
    shown = "!!" + tag.removeprefix(_STANDARD) if tag.startswith(_STANDARD) else tag
    return NotReadable("RB004", f"the tag {shown} is not allowed: a catalog holds plain data", mark)


# ---------------------------------------------------------------- mistakes people make


def _repaired(text: str, error: yaml.MarkedYAMLError, document: Document) -> str:
    """The text with the offending line corrected, and the problem noted; raises NotReadable when it cannot be."""
    mark = _mark(error.problem_mark or error.context_mark)
    lines = text.split("\n")
    index = mark[0] - 1
    line = lines[index] if index < len(lines) else ""
    message, hint = _sentence(error, line)
    fixed = _corrected(line)
    if fixed is None or fixed == line:
        raise NotReadable("RB002", message, mark, hint=hint)
    document.report_at("RB002", message, mark, hint=f"write: {fixed.strip()}")
    lines[index] = fixed
    return "\n".join(lines)


def _sentence(error: yaml.MarkedYAMLError, line: str) -> tuple[str, str]:
    problem = str(error.problem or "it cannot be read")
    message = f"this is not valid YAML: {problem}"
    if "\t" in line[: len(line) - len(line.lstrip())] or "tab" in problem:
        return message, "indent with spaces, never with tabs"
    if "expected a single document" in str(error.context or "") or "another document" in problem:
        message = "this is not valid YAML: a second document begins here"
        return message, "one file holds one document; move what follows --- into a file of its own"
    if "undefined alias" in problem:
        return message, "text that starts with * needs quotes"
    if "cannot start any token" in problem:
        return message, "text that starts with @, ` or % needs quotes"
    if "{{" in line:
        return message, 'text that starts with {{ needs quotes: "{{ params.name }}"'
    return message, ""


def _corrected(line: str) -> str | None:
    """The line as it was surely meant, or None."""
    item = _ITEM.match(line)
    if item is None:
        return None
    pairs = _NEXT_PAIR.split(_COMMENT.sub("", item.group("body")))
    if len(pairs) > 1:
        return _as_flow_item(item, pairs)
    return _with_quotes(line)


def _as_flow_item(item: re.Match[str], pairs: list[str]) -> str | None:
    """`- a: "x", b: true` as `- {a: "x", b: true}`, provided that every pair reads well by itself."""
    if item.group("dash") is None:
        return None
    written = []
    for pair in pairs:
        key, _, value = pair.partition(": ")
        value = value.strip()
        is_quoted = value[:1] in "\"'"
        written.append(
            f"{key}: {value if is_quoted or not _UNSAFE_IN_FLOW.search(value) else json.dumps(value)}"
        )
    fixed = f"{item.group('indent')}{item.group('dash')}{{{', '.join(written)}}}"
    return fixed if _is_list_of_one_mapping(fixed, len(pairs)) else None


def _with_quotes(line: str) -> str | None:
    found = _KEY_AND_TEXT.match(line)
    if found is None or ": " not in found.group("text") + " ":
        return None
    fixed = (
        f"{found.group('start')}{json.dumps(found.group('text'), ensure_ascii=False)}{found.group('rest')}"
    )
    try:
        _Composer(fixed).get_single_node()
    except yaml.YAMLError:
        return None
    return fixed


def _is_list_of_one_mapping(line: str, size: int) -> bool:
    try:
        node = _Composer(line).get_single_node()
    except yaml.YAMLError:
        return False
    if not isinstance(node, yaml.SequenceNode) or len(node.value) != 1:
        return False
    only = node.value[0]
    return isinstance(only, yaml.MappingNode) and len(only.value) == size

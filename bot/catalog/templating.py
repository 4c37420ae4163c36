"""Templates made concrete: `{{ incident.title }}` looked up once and written as its place demands.

An action's input model says where each text goes (`Annotated[str, Place.SHELL]`); from that follow the encoder
and what lint checks. Three rules carry the safety:

- A value is data. It is encoded for its place and never looked at again for `{{ }}` or `$NAME` (dollars from
  values are doubled where secrets may be named, see `secret_names`).
- A path is looked up, not evaluated: mapping keys only, no attributes, no calls, no defaults. An unknown path
  is `BadInput` that names what is known there.
- What is not whole is not used. A value that was redacted or cut stands in the values as `Unrenderable`, and
  rendering it anywhere is refused with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel

from bot.catalog import shellwords, urls
from bot.catalog.encoding import SECRET_BEARING, Place, as_text, encode
from bot.catalog.input_tree import Site, walk
from bot.catalog.placeholders import Placeholder, Template, parse, references
from bot.errors import BadInput

__all__ = [
    "SECRET_BEARING",
    "Place",
    "Site",
    "Unrenderable",
    "check_template",
    "look_up",
    "references",
    "render",
    "render_text",
    "render_tree",
    "sites",
]

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Unrenderable:
    """Stands for a value that must not reach a later step; `reason` ends the sentence of the refusal."""

    reason: str


# ---------------------------------------------------------------- rendering


def render(
    tree: Mapping[str, Any],
    model: type[BaseModel],
    values: Values,
    *,
    dash_allowed: Collection[str] = (),
) -> dict[str, Any]:
    """`tree` with every template replaced, each text by the encoder of its field's place in `model`.

    The result is not validated yet: give it to `model.model_validate`. A lone `{{ x }}` in a field that is not
    text keeps the type of its value. `dash_allowed` names the paths (`params.flags`) whose values may start a
    shell word with a dash. Raises BadInput for an unknown path, an `Unrenderable` or a value that has no
    spelling at its place.
    """
    rendered = walk(tree, model, Place.PLAIN, (), lambda site: _render_site(site, values, dash_allowed))
    return dict(rendered)


def render_tree(tree: Any, values: Values) -> Any:
    """A typed tree (a step's `with:`) rendered: text is joined as it is, a lone placeholder keeps its type."""
    return walk(tree, Any, Place.JSON, (), lambda site: _render_site(site, values, ()))


def render_text(text: str, place: Place, values: Values, *, dash_allowed: Collection[str] = ()) -> str:
    """One text rendered for `place`, for instance a metric's PromQL."""
    return str(_render_site(Site((), text, place), values, dash_allowed))


def look_up(path: str, values: Values) -> Any:
    """The value at a dotted path. BadInput when there is none, or when it must not be used."""
    at: Any = values
    walked: list[str] = []
    for part in path.split("."):
        if isinstance(at, Unrenderable):
            break
        if not isinstance(at, Mapping) or part not in at:
            raise _unknown(path, walked, at)
        at = at[part]
        walked.append(part)
    _refuse_unrenderable(at, path)
    if at is None:
        raise BadInput(f"{{{{ {path} }}}} has no value here")
    return at


def _unknown(path: str, walked: list[str], at: Any) -> BadInput:
    known = sorted(str(key) for key in at) if isinstance(at, Mapping) else []
    prefix = ".".join(walked)
    names = [f"{prefix}.{name}" if prefix else name for name in known[:20]]
    hint = f"known here: {', '.join(names)}" if names else f"{prefix} is a single value"
    return BadInput(f"nothing is known as {{{{ {path} }}}}", hint=hint)


def _refuse_unrenderable(value: Any, path: str) -> None:
    """Also deep inside a tree: a mapping with one redacted leaf is not whole."""
    if isinstance(value, Unrenderable):
        raise BadInput(f"{{{{ {path} }}}} cannot be used in a step: {value.reason}")
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_unrenderable(item, path)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_unrenderable(item, path)


def _render_site(site: Site, values: Values, dash_allowed: Collection[str]) -> Any:
    if "{{" not in site.text:
        return site.text
    if site.is_key:
        raise BadInput(f"a placeholder cannot stand in a name: {site.text!r}")
    template = parse(site.text)
    problems = check_template(site.text, site.place, is_nested=site.is_nested)
    if problems:
        raise BadInput(f"{site.text!r} cannot be rendered: {problems[0]}")
    if site.place is Place.BODY and not site.is_nested and template.placeholders:
        tree = json.loads(site.text)
        return json.dumps(
            walk(tree, Any, Place.BODY, (), lambda inner: _render_site(inner, values, ()), is_nested=True)
        )
    if template.lone and site.keeps_type:
        return _typed(look_up(template.lone.path, values), site, template.lone.path)
    if site.place is Place.SHELL:
        return _render_shell(template, values, dash_allowed)
    text = "".join(
        segment if isinstance(segment, str) else _encoded(segment, site.place, values)
        for segment in template.segments
    )
    if site.place is Place.URL:
        _refuse_moving_path(template, values, text)
    return text


def _typed(value: Any, site: Site, path: str) -> Any:
    """The value itself; any text in it still gets the encoder of its place."""
    if isinstance(value, str):
        return encode(as_text(value, path=path), site.place, path=path)
    if isinstance(value, Mapping):
        return {str(key): _typed(item, site, path) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_typed(item, site, path) for item in value]
    return value


def _encoded(placeholder: Placeholder, place: Place, values: Values) -> str:
    return encode(
        as_text(look_up(placeholder.path, values), path=placeholder.path), place, path=placeholder.path
    )


def _render_shell(template: Template, values: Values, dash_allowed: Collection[str]) -> str:
    starts_word = iter(shellwords.read(_shell_pieces(template)).starts_word)
    command = ""
    for segment in template.segments:
        if isinstance(segment, str):
            command += segment
            continue
        text = as_text(look_up(segment.path, values), path=segment.path)
        if next(starts_word) and text.startswith("-") and segment.path not in dash_allowed:
            raise BadInput(
                f"the value of {{{{ {segment.path} }}}} starts with a dash and would be read as an option: {text!r}",
                hint="set allow_leading_dash: true on the param if that is meant",
            )
        command += encode(text, Place.SHELL, path=segment.path)
    return command


def _refuse_moving_path(template: Template, values: Values, url: str) -> None:
    """A `..` or an empty part from a value would make the server read another path than the one written."""
    for placeholder in template.placeholders:
        if urls.is_in_path(template, placeholder):
            value = as_text(look_up(placeholder.path, values), path=placeholder.path)
            if not value:
                raise BadInput(f"{{{{ {placeholder.path} }}}} is empty and would change the path of {url!r}")
    path = url.split("#")[0].split("?")[0]
    if any(unquote(part) in (".", "..") for part in path.split("/")):
        raise BadInput(f"a value would make {url!r} point somewhere else; a path part cannot be . or ..")


# ---------------------------------------------------------------- checking


def check_template(text: str, place: Place, *, is_nested: bool = False) -> list[str]:
    """What is wrong with `text` as a template at `place`, before any value is known; [] when nothing is.

    `is_nested` says that it stands inside a mapping or list of its field, where a body is JSON already.
    """
    template = parse(text)
    if template.problems:
        return list(template.problems)
    if not template.placeholders:
        return []
    match place:
        case Place.SHELL:
            return shellwords.read(_shell_pieces(template)).problems
        case Place.URL:
            return urls.check(template)
        case Place.PROMQL:
            return _check_promql(template)
        case Place.BODY if not is_nested:
            return _check_body(text)
        case _:
            return []


def sites(tree: Any, model: Any) -> Iterator[Site]:
    """Every text in `tree` with its place in `model`, in order; what lint reads."""
    found: list[Site] = []

    def note(site: Site) -> str:
        found.append(site)
        return site.text

    walk(tree, model, Place.JSON if model is Any else Place.PLAIN, (), note)
    return iter(found)


def _shell_pieces(template: Template) -> list[shellwords.Piece]:
    return [
        segment if isinstance(segment, str) else shellwords.Slot(segment.path)
        for segment in template.segments
    ]


def _check_promql(template: Template) -> list[str]:
    problems = []
    before = ""
    for segment in template.segments:
        if isinstance(segment, str):
            before += segment
            continue
        if not before.rstrip().endswith("=") or _is_inside_quotes(before):
            problems.append(
                f"{{{{ {segment.path} }}}} must stand right after = or != as a whole label value, without quotes"
            )
        before += '""'
    return problems


def _is_inside_quotes(text: str) -> bool:
    quote = ""
    position = 0
    while position < len(text):
        char = text[position]
        if quote and char == "\\" and quote != "`":
            position += 1
        elif char == quote:
            quote = ""
        elif not quote and char in "\"'`":
            quote = char
        position += 1
    return bool(quote)


def _check_body(text: str) -> list[str]:
    try:
        json.loads(text)
    except ValueError:
        return ["a body text with placeholders must be JSON; write it as a mapping instead"]
    return []

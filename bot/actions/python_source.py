"""Python actions as text: which functions a module offers and what its marks say, read without running a line.

A module is read together with the modules of its folder that it imports; what is read here is what is hashed
into the plan and what the child interpreter is given, so nothing can change in between.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import BadInput

SOURCE_LIMIT_BYTES = 1024 * 1024

Sources = Mapping[str, str]
"""Module name to its text."""

_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Marked:
    """One function that may be a step, as its source says."""

    name: str
    line: int
    message: str = ""
    """What `require_confirmation` asks."""
    decide_within_s: float | None = None
    """Its `timeout`: how long people have to decide."""
    environments: tuple[str, ...] | None = None
    """From `allowed_envs`; None: any."""
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    takes_any: bool = False
    """It has `**kwargs`."""
    problems: tuple[str, ...] = field(default=())

    def check_arguments(self, given: Mapping[str, object]) -> None:
        """BadInput that names what is missing and what is unknown."""
        missing = [name for name in self.required if name not in given]
        unknown = [name for name in given if name not in (*self.required, *self.optional)]
        if missing:
            raise BadInput(f"{self.name} needs the arguments {', '.join(missing)}")
        if unknown and not self.takes_any:
            known = ", ".join((*self.required, *self.optional)) or "none"
            raise BadInput(f"{self.name} takes no argument {', '.join(unknown)}", hint=f"known: {known}")


def read_sources(folder: Path, module: str) -> Sources:
    """The module and its neighbours that it imports, directly or not; BadInput where one cannot be read."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = folder / f"{name}.py"
        if name in found or not path.is_file():
            if name == module and name not in found:
                raise BadInput(f"there is no {path.name} among the catalog's Python actions")
            continue
        try:
            content = path.read_bytes()
            if len(content) > SOURCE_LIMIT_BYTES:
                raise BadInput(f"{path.name} is larger than {SOURCE_LIMIT_BYTES} bytes")
            found[name] = content.decode()
            waiting.extend(_imported(ast.parse(content, filename=path.name)))
        except (OSError, ValueError, SyntaxError, RecursionError) as error:
            raise BadInput(f"{path.name} cannot be read as Python ({error})") from error
    return found


def digests(sources: Sources) -> dict[str, str]:
    """Sha256 (hex) of each module's text: the guarded part of a plan."""
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(sources.items())}


def discover(source: str) -> dict[str, Marked]:
    """The functions of a module that `require_confirmation` marks, by name. SyntaxError where it is not Python."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, _FunctionNode):
            marks = {name: call for call in node.decorator_list if (name := _mark_name(call))}
            if "require_confirmation" in marks:
                found[node.name] = _marked(node, marks)
    return found


def _marked(node: _FunctionNode, marks: Mapping[str, ast.expr]) -> Marked:
    problems: list[str] = []
    asked = _literals(marks["require_confirmation"], ("message", "timeout"), problems)
    within = _literals(marks.get("allowed_envs"), ("environments",), problems)
    environments = within.get("environments")
    arguments = node.args
    if arguments.posonlyargs or arguments.vararg:
        problems.append("its arguments are given by name; it cannot take positional-only ones")
    plain = [argument.arg for argument in arguments.args]
    split = len(plain) - len(arguments.defaults)
    named = list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    timeout = asked.get("timeout")
    return Marked(
        name=node.name,
        line=node.lineno,
        message=str(asked.get("message") or ""),
        decide_within_s=float(timeout) if isinstance(timeout, int | float) else None,
        environments=(
            tuple(str(one) for one in environments) if isinstance(environments, list | tuple) else None
        ),
        required=(*plain[:split], *(one.arg for one, default in named if default is None)),
        optional=(*plain[split:], *(one.arg for one, default in named if default is not None)),
        takes_any=arguments.kwarg is not None,
        problems=tuple(problems),
    )


def _literals(call: ast.expr | None, names: tuple[str, ...], problems: list[str]) -> dict[str, object]:
    """A mark's arguments, which must stand there as literals: they are shown without running the module."""
    if not isinstance(call, ast.Call):
        return {}
    pairs = [*zip(names, call.args, strict=False), *((one.arg or "", one.value) for one in call.keywords)]
    values: dict[str, object] = {}
    for name, value in pairs:
        try:
            values[name] = ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            problems.append(f"{name} must be written out, not computed")
    return values


def _mark_name(decorator: ast.expr) -> str:
    """`require_confirmation` for `@require_confirmation(…)` and `@guard.require_confirmation(…)`."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module

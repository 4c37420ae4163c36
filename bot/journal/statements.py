"""The journal's SQL by name, read from `sql/queries.sql`; `-- name: x` begins a statement."""

from __future__ import annotations

from functools import cache
from importlib import resources

_MARK = "-- name: "


@cache
def statements() -> dict[str, str]:
    """Every named statement, placeholders as `?`."""
    text = resources.files("bot.journal").joinpath("sql/queries.sql").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for part in text.split(_MARK)[1:]:
        name, _, body = part.partition("\n")
        if name in found:
            raise ValueError(f"two statements are named {name!r}")
        found[name] = body.strip()
    return found


def schema_steps(engine: str) -> tuple[str, ...]:
    """The scripts that make and extend an engine's tables, in order; entry n-1 leads to schema version n."""
    folder = resources.files("bot.journal").joinpath("sql", engine)
    scripts = {
        int(file.name.removesuffix(".sql")): file for file in folder.iterdir() if file.name.endswith(".sql")
    }
    if sorted(scripts) != list(range(1, len(scripts) + 1)):
        raise ValueError(
            f"the schema scripts of {engine} are not numbered from 1 without a gap: {sorted(scripts)}"
        )
    return tuple(scripts[number].read_text(encoding="utf-8") for number in sorted(scripts))

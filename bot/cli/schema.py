"""`runbookctl schema`: JSON Schema of the catalog's files, so that an editor checks and completes while one types."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli.output import put_json, tell
from bot.errors import BadInput


@click.command()
@click.argument("kind", type=click.Choice(["runbook", "action", "catalog", "promotions"]), required=False)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write all of them into this folder, as KIND.schema.json.",
)
def schema(kind: str | None, *, into: Path | None) -> None:
    """Print the JSON Schema (draft 2020-12) of runbooks, actions, catalog.yaml or promotions.yaml.

    \b
    For editors with the YAML language server, once in the repository:
      runbookctl schema --into .schemas
    and as the first line of a file, by its path from there:
      # yaml-language-server: $schema=../.schemas/runbook.schema.json
    """
    from bot.actions.registry import input_models
    from bot.catalog.json_schema import KINDS, schema_of

    if (kind is None) == (into is None):
        raise click.UsageError(f"name one of {', '.join(KINDS)}, or give --into FOLDER for all of them")
    models = input_models()
    if kind is not None:
        put_json(schema_of(kind, models))
    elif into is not None:
        _write({name: schema_of(name, models) for name in KINDS}, into)


def _write(schemas: dict[str, object], folder: Path) -> None:
    import json

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, made in schemas.items():
            file = folder / f"{name}.schema.json"
            file.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            tell(f"wrote {file}")
    except OSError as error:
        raise BadInput(f"cannot write into {str(folder)!r}: {error.strerror or error}") from error

"""What commands that read the catalog share: how its folder is named, and its reading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.output import tell
from bot.errors import BadInput, BotError

if TYPE_CHECKING:
    from bot.catalog.schema import Catalog


def _given(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path:  # noqa: ARG001
    if value is not None:
        return value
    from bot.settings import catalog_folder

    return catalog_folder()


_TYPE: Any = click.Path(path_type=Path)

path_argument: Callable[[Any], Any] = click.argument("path", type=_TYPE, required=False, callback=_given)
"""The folder where it is all that a command is about; the command gets `path`."""

catalog_option: Callable[[Any], Any] = click.option(
    "--catalog",
    "folder",
    type=_TYPE,
    callback=_given,
    help="The catalog's folder; that of BOT_CATALOG or ./runbooks when left out.",
)
"""The folder beside other things; the command gets `folder`."""


def load_catalog(folder: Path) -> Catalog:
    """The catalog; `BadInput` where there is no folder, `CatalogError` with every problem where it has any."""
    if not folder.is_dir():
        what = "is a file, not the catalog's folder" if folder.exists() else "does not exist"
        raise BadInput(f"cannot read the catalog {str(folder)!r}: it {what}", hint="name its folder")
    from bot.actions.registry import input_models
    from bot.catalog.loader import load

    return load(folder, input_models())


def also_called(service: str) -> str:
    """The name runs are kept under, where the catalog at hand knows this as another name of it; else "".

    Only worth asking when nothing was found: the journal is read beside any catalog, or none.
    """
    from bot.settings import catalog_folder

    try:
        found = load_catalog(catalog_folder()).service_named(service) if service else None
    except BotError:
        return ""
    if found is None or found.name == service:
        return ""
    tell(f"{service!r} is {found.name} in the catalog")
    return found.name

"""The catalog's folder read whole: either everything fits together and becomes one `Catalog`, or every problem is told.

The input models of the step types are handed in, so nothing here knows an action. Order matters once: what there
is (`catalog.yaml`), then actions, then the runbooks that use them, then the promotions that speak of both; lint
looks at the result. Reading never stops at a problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from bot.catalog import lint, lint_secrets
from bot.catalog.codes import is_warning
from bot.catalog.commit import commit_of, is_dirty
from bot.catalog.digests import catalog_digest
from bot.catalog.inventory import read_inventory
from bot.catalog.promotion import by_digest, read_promotions, trusts
from bot.catalog.reading import read_document
from bot.catalog.schema import Catalog
from bot.catalog.source import Document
from bot.catalog.writing import Writing
from bot.errors import CatalogError, Problem

_SUFFIXES = (".yaml", ".yml", ".json")
_CATALOG, _PROMOTIONS = "catalog", "promotions"


@dataclass(frozen=True)
class Checked:
    """What reading a folder came to."""

    catalog: Catalog | None
    """None when there is any problem."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    files: int = 0


def load(root: Path, input_models: Mapping[str, type[BaseModel]]) -> Catalog:
    """The catalog in `root`, with the commit it was read at. Raises CatalogError that carries every problem."""
    found = check(root, input_models)
    if found.catalog is None:
        raise CatalogError(found.problems)
    commit = found.catalog.commit
    if commit and is_dirty(root):
        commit += "+dirty"
    return found.catalog.model_copy(update={"commit": commit})


def check(root: Path, input_models: Mapping[str, type[BaseModel]]) -> Checked:
    """Read and lint `root`; a catalog only when there is no problem. Warnings do not stand in its way."""
    files = _files(root)
    documents = {file: read_document(file, shown_as=str(file)) for file in files}
    settings = [document for file, document in documents.items() if _is_named(file, root, _CATALOG)]
    promotions = [document for file, document in documents.items() if _is_named(file, root, _PROMOTIONS)]
    writing = Writing(input_models, root=root)
    inventory = _inventory(root, settings, documents)
    for file, document in documents.items():
        if file.parent != root:
            writing.add_action(document)
    writing.finish_actions()
    for file, document in documents.items():
        if file.parent == root and file.stem not in (_CATALOG, _PROMOTIONS):
            writing.add_runbook(document)
    evidence = [promotion for document in promotions for promotion in read_promotions(document)]
    catalog = (inventory or Catalog()).model_copy(
        update={
            "actions": {name: action.step for name, action in writing.actions.items()},
            "runbooks": {
                name: book.runbook for name, book in writing.books.items() if book.runbook is not None
            },
            "promotions": by_digest(evidence),
            "trusts": trusts(evidence),
            "root": str(root.resolve()),
        }
    )
    lint.lint(
        catalog,
        writing,
        settings=settings[0] if settings else None,
        promotions=promotions[0] if promotions else None,
        evidence=evidence,
        documents=list(documents.values()),
        knows_inventory=inventory is not None,
    )
    return _judged(catalog, root, [*documents.values(), *_python_files(root)], files=len(files))


def _python_files(root: Path) -> list[Document]:
    """The sources of Python actions, looked at for secrets alone; what they may do is told where they are used."""
    found = []
    for file in sorted((root / "actions").glob("*.py")):
        try:
            document = Document(path=str(file), text=file.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
        lint_secrets.lint_shapes(document)
        found.append(document)
    return found


def _judged(catalog: Catalog, root: Path, documents: list[Document], *, files: int) -> Checked:
    noted = sorted({problem for document in documents for problem in document.problems})
    problems = tuple(problem for problem in noted if not is_warning(problem.code))
    warnings = tuple(problem for problem in noted if is_warning(problem.code))
    if problems:
        return Checked(None, problems, warnings, files=files)
    catalog = catalog.model_copy(update={"digest": catalog_digest(catalog), "commit": commit_of(root)})
    return Checked(catalog, (), warnings, files=files)


def _inventory(root: Path, settings: list[Document], documents: dict[Path, Document]) -> Catalog | None:
    if not settings:
        missing = Document(path=str(root / "catalog.yaml"))
        missing.report(
            "RB005",
            "there is no catalog.yaml, which says what environments, targets, services and people there are",
            hint="start with: environments: {staging: {approvers: [you@example.com]}}",
        )
        documents[root / "catalog.yaml"] = missing
        return None
    for extra in settings[1:]:
        extra.report("RB020", f"there is a {Path(settings[0].path).name} already")
    return read_inventory(settings[0])


def _files(root: Path) -> list[Path]:
    """Every file that belongs to the catalog, in a fixed order."""
    return [
        file
        for folder in (root, root / "actions")
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if file.suffix in _SUFFIXES and not file.name.startswith(".") and file.is_file()
    ]


def _is_named(file: Path, root: Path, stem: str) -> bool:
    return file.parent == root and file.stem == stem

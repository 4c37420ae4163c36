"""The catalog in force: read again when its files change, and kept as it was when the new one has problems."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import structlog
from pydantic import BaseModel

from bot.catalog.loader import load
from bot.catalog.schema import Catalog
from bot.errors import CatalogError, Problem

log = structlog.get_logger()

_Stamp = frozenset[tuple[str, int, int]]


class CatalogInForce:
    """Holds one whole catalog at any moment. `read` blocks: call it in a thread."""

    def __init__(self, root: Path, input_models: Mapping[str, type[BaseModel]]) -> None:
        """Read the folder; raises `CatalogError` with every problem, since there is no older one to keep."""
        self._root = root
        self._models = input_models
        self._stamp = self._look()
        self.current: Catalog = load(root, input_models)
        self.problems: tuple[Problem, ...] = ()
        """What is wrong with the files as they are now; while there is anything, an older catalog is in force."""

    def read(self) -> bool:
        """Look at the files and read them again where they changed; whether another catalog is in force now."""
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            catalog = load(self._root, self._models)
        except CatalogError as error:
            self.problems = error.problems
            log.error(
                "catalog-not-loaded",
                kept=self.current.digest[:12],
                problems=[str(problem) for problem in error.problems],
            )
            return False
        except OSError:
            # Not the files' fault, so they are read again although they have not changed.
            self._stamp = frozenset()
            raise
        self.problems = ()
        self.current = catalog
        log.info("catalog-loaded", digest=catalog.digest[:12], commit=catalog.commit)
        return True

    def _look(self) -> _Stamp:
        """Names, sizes and times of every file: cheap enough to ask every few seconds."""
        found = set()
        for path in self._root.rglob("*"):
            try:
                stat = path.stat()
            except OSError:
                continue
            found.add((str(path), stat.st_size, stat.st_mtime_ns))
        return frozenset(found)

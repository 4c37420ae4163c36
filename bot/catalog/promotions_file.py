"""`promotions.yaml` on disk: found under any of its names, and replaced whole or not at all."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bot.catalog.promotion import Promotion, read_promotions
from bot.catalog.reading import read_document
from bot.errors import BadInput

_NAMES = ("promotions.yaml", "promotions.yml", "promotions.json")


@dataclass(frozen=True, kw_only=True)
class PromotionsFile:
    """The file as it was when it was looked at; it may not be there yet."""

    path: Path
    content: bytes = b""

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """The one of the catalog in `folder`; a link is followed, so that it stays one."""
        for name in _NAMES:
            if (folder / name).exists():
                path = (folder / name).resolve()
                return cls(path=path, content=path.read_bytes())
        return cls(path=folder / _NAMES[0])

    @property
    def is_json(self) -> bool:
        """Whether it is written in JSON."""
        return self.path.suffix == ".json"

    @property
    def text(self) -> str:
        """What it says, its line ends made plain."""
        return self.content.decode("utf-8-sig").replace("\r\n", "\n")

    @property
    def promotions(self) -> list[Promotion]:
        """The promotions in it."""
        return read_promotions(read_document(self.path, shown_as=str(self.path))) if self.content else []

    def replace(self, text: str) -> None:
        """Write it anew, with its own line ends and mode: a reader sees the old file or the new one, never a part.

        Raises BadInput where somebody else changed it meanwhile, or where it cannot be written.
        """
        try:
            # The name begins with a dot and ends in no known suffix, so it is never read as a part of the catalog.
            handle, name = tempfile.mkstemp(prefix=".promotions.", suffix=".new", dir=self.path.parent)
            made = Path(name)
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(self._as_bytes(text))
                    stream.flush()
                    os.fsync(stream.fileno())
                made.chmod(self.path.stat().st_mode & 0o777 if self.path.exists() else 0o644)
                self._refuse_if_changed()
                made.replace(self.path)
            finally:
                made.unlink(missing_ok=True)
        except OSError as error:
            raise BadInput(f"{self.path} cannot be written: {error.strerror or error}") from error

    def _as_bytes(self, text: str) -> bytes:
        return text.replace("\n", "\r\n").encode() if b"\r\n" in self.content else text.encode()

    def _refuse_if_changed(self) -> None:
        if (self.path.read_bytes() if self.path.exists() else b"") != self.content:
            raise BadInput(
                f"{self.path} was changed by somebody else meanwhile", hint="look at it and try again"
            )

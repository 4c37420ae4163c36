"""The demo's folder: its own copy of the catalog, keys and journal; gone at the end unless somebody keeps it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bot.errors import BadInput

PACKAGED = Path(__file__).parent / "runbooks"
PAYMENTS_PORT, PAYMENT_API_PORT = 8700, 8710
"""Stand in the packaged catalog where the services' real ports go, so that the catalog is whole as it lies there."""


class Folder:
    """Where everything of one demo is."""

    def __init__(self, path: Path, *, is_kept: bool) -> None:
        self.path = path
        self.is_kept = is_kept

    @classmethod
    def make(cls, keep: Path | None = None) -> Folder:
        """A temporary one, or `keep`; BadInput where that holds something already."""
        if keep is None:
            return cls(Path(tempfile.mkdtemp(prefix="runbook-demo-")), is_kept=False)
        path = keep.expanduser().absolute()
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise BadInput(
                f"{str(keep)!r} is not empty",
                hint="name a new folder: a demo that has ended cannot be continued, its Slack is gone with it; "
                "what it kept is there to be read",
            )
        path.mkdir(parents=True, exist_ok=True)
        return cls(path, is_kept=True)

    @property
    def runbooks(self) -> Path:
        """The catalog this demo works by; edits count while it runs."""
        return self.path / "runbooks"

    @property
    def ssh(self) -> Path:
        """Keys, known hosts and configuration."""
        return self.path / "ssh"

    @property
    def journal(self) -> Path:
        """The SQLite file."""
        return self.path / "journal.db"

    @property
    def kubeconfig(self) -> Path:
        """How the bot reaches the cluster; kubectl may use it too."""
        return self.path / "kubeconfig"

    @property
    def api_token(self) -> Path:
        """What lets programs call the bot while the demo runs."""
        return self.path / "api-token"

    def keep_token(self, token: str) -> None:
        """Put it where only its owner reads it."""
        self.api_token.touch(mode=0o600)
        self.api_token.write_text(token, encoding="ascii")

    def copy_catalog(self, ports: Mapping[int, int]) -> None:
        """Put the packaged catalog here, with the services' real ports in place of those it has."""
        for source in sorted(PACKAGED.rglob("*")):
            if source.suffix not in (".yaml", ".json"):
                continue
            target = self.runbooks / source.relative_to(PACKAGED)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8")
            for packaged, real in ports.items():
                text = text.replace(f":{packaged}", f":{real}")
            target.write_text(text, encoding="utf-8")

    def remove(self) -> None:
        """Leave nothing behind, unless it is kept. Never raises."""
        if not self.is_kept:
            shutil.rmtree(self.path, ignore_errors=True)

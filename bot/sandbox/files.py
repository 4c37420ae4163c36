"""Uploaded files: the promise of one, its bytes, and the channels it was shared in."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass, field

from bot.sandbox.protocol import Json, SlackError

PREVIEW_CHARS = 3000


@dataclass(kw_only=True)
class File:
    """One file; `content` is None until its bytes arrive, `title` until the upload is completed."""

    id: str
    name: str
    length: int
    user: str
    created: int
    content: bytes | None = None
    title: str | None = None
    alt_txt: str = ""
    shares: dict[str, list[Json]] = field(default_factory=dict)

    @property
    def mimetype(self) -> str:
        """Guessed from the name, as Slack does."""
        return mimetypes.guess_type(self.name)[0] or "text/plain"

    def as_slack(self, *, base_url: str) -> Json:
        """A file object, with the first characters of a text as its preview."""
        content = self.content or b""
        private = f"{base_url}files-pri/{self.id}/{self.name}"
        shown: Json = {
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.mimetype,
            "filetype": self.name.rpartition(".")[2] or "text",
            "size": len(content),
            "user": self.user,
            "mode": "snippet" if self.mimetype.startswith("text/") else "hosted",
            "is_external": False,
            "is_public": True,
            "url_private": private,
            "url_private_download": private,
            "shares": {"public": {channel: list(posts) for channel, posts in self.shares.items()}},
            "channels": list(self.shares),
        }
        if self.alt_txt:
            shown["alt_txt"] = self.alt_txt
        if self.mimetype.startswith("text/") or self.mimetype == "application/json":
            text = content.decode("utf-8", "replace")
            shown["preview"] = text[:PREVIEW_CHARS]
            shown["lines"] = text.count("\n") + 1
            shown["preview_is_truncated"] = len(text) > PREVIEW_CHARS
        return shown


class Files:
    """Files by id."""

    def __init__(self) -> None:
        self._files: dict[str, File] = {}

    def promise(self, file: File) -> None:
        """An upload URL was asked for."""
        self._files[file.id] = file

    def get(self, file_id: str) -> File:
        """Raises `file_not_found`."""
        try:
            return self._files[file_id]
        except KeyError:
            raise SlackError("file_not_found") from None

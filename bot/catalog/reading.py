"""Reads one file of the catalog, YAML or JSON by its name, into a `Document`."""

from __future__ import annotations

import re
from pathlib import Path

from bot.catalog import json_text, yaml_text
from bot.catalog.source import Document, Lines, NotReadable

FILE_LIMIT_BYTES = 256 * 1024

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_document(file: Path, *, shown_as: str) -> Document:
    """Read and parse one file. Never raises for what is in it: the problems are in the document."""
    document = Document(path=shown_as)
    try:
        with file.open("rb") as stream:
            content = stream.read(FILE_LIMIT_BYTES + 1)
    except OSError as error:
        document.report("RB001", f"the file cannot be read: {error.strerror or error}")
        return document
    parse_document(document, content)
    return document


def parse_document(document: Document, content: bytes) -> None:
    """Parse `content` into `document`; JSON when the path ends so, else YAML."""
    try:
        text = document.text = _decoded(content)
        reader = json_text.read if document.path.endswith(".json") else yaml_text.read
        reader(text, document)
    except NotReadable as stop:
        document.data = None
        document.report_at(stop.code, stop.message, stop.mark, hint=stop.hint)


def _decoded(content: bytes) -> str:
    if len(content) > FILE_LIMIT_BYTES:
        raise NotReadable("RB001", f"the file is larger than {FILE_LIMIT_BYTES // 1024} KiB", (1, 1))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise NotReadable(
            "RB001",
            f"the file is not UTF-8 (byte 0x{content[error.start]:02x})",
            (line, column),
            hint="save it as UTF-8",
        ) from error
    strange = _UNPRINTABLE.search(text)
    if strange:
        raise NotReadable(
            "RB001", f"a control character (U+{ord(strange.group()):04X})", Lines(text).mark(strange.start())
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")

"""Logs: one redacted line for each event, the libraries' too."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from bot.telemetry.redaction import Redactor


def configure_logging(
    redactor: Redactor, *, level: str = "info", as_json: bool = False, stream: TextIO | None = None
) -> None:
    """Send all logs, the libraries' too, as redacted lines to `stream` (stderr). May be called again."""

    def redacted(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            event[key] = redactor.tree(value) if isinstance(value, str | dict | list | tuple) else value
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(default=_plain)
        if as_json
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _texts,
                redacted,
                renderer,
            ],
        )
    )
    handler.addFilter(_told_shortly)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def _told_shortly(record: logging.LogRecord) -> bool:
    """What was no HTTP is one quiet line: the server says it was an error of its own, with where in its parser, and
    whoever scans our port would fill the disk with that."""
    kind = record.exc_info[0] if record.exc_info else None
    if kind is None or kind.__module__ != "aiohttp.http_exceptions":
        return True
    record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
    record.msg, record.args = f"a request that could not be read was refused: {kind.__name__}", ()
    record.exc_info = record.exc_text = None
    return logging.getLogger().isEnabledFor(logging.INFO)


def _texts(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Objects become the text that would be printed for them, before and not after redaction."""
    for key, value in event.items():
        if not isinstance(value, str | int | float | bool | dict | list | tuple | type(None)):
            event[key] = str(value)
    return event


def _plain(value: object) -> str:
    return f"<{type(value).__name__}>"

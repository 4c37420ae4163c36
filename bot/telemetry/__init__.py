"""What leaves the process beside its work: logs, numbers for Prometheus, and the redaction that text passes first."""

from bot.telemetry.logs import configure_logging
from bot.telemetry.redaction import REDACTED, RedactedLines, Redactor

__all__ = ["REDACTED", "RedactedLines", "Redactor", "configure_logging"]

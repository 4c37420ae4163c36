"""Every error this product raises on purpose; each says what was being done, to what, and what to do next.

    BotError                 code (stable, kebab-case), message, hint
    ├─ SettingsError         lists every bad or missing variable at once
    ├─ CatalogError          carries [Problem(path, line, column, code, message, hint)]
    ├─ Refused               the rules said no; always safe to show to whoever asked
    │  ├─ NotFound           there is no such thing
    │  ├─ NotPermitted       this person may not do this here
    │  ├─ BadInput           the words given do not fit
    │  ├─ AlreadyDecided     somebody was first
    │  ├─ Stale              what was approved is no longer what would run
    │  └─ Expired            the time to decide has passed
    ├─ JournalError
    │  ├─ VersionConflict    another writer was first; read again
    │  ├─ JournalUnavailable the file or server cannot be reached
    │  └─ UnreadableEvent    a stored event this version cannot read
    ├─ ActionError           raised only by actions, caught only by the engine, becomes an outcome
    │  ├─ ActionFailed       it failed for a known reason; `effect` is what it had done by then
    │  ├─ ActionRetry        nothing was sent; safe to try again
    │  └─ ActionUnknown      sent, answer lost; a human decides
    └─ DeliveryError         Slack could not be told; never changes a run

Codes are stored and documented, so they are written by hand and never derived from class names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class BotError(Exception):
    """The root; `message` is a lower-case sentence, `hint` the next thing to do."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self._code = code

    @property
    def stable_code(self) -> str:
        """The code to show and store: the instance's own where it has one, else its class's."""
        return self._code or self.code

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class SettingsError(BotError):
    """One message that names every variable that is missing or wrong."""

    code = "settings"


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One thing wrong in the catalog, at a place an editor can jump to (lines and columns from 1)."""

    path: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.path}:{self.line}:{self.column}: {self.code} {self.message}"
        return f"{text}\n    hint: {self.hint}" if self.hint else text


class CatalogError(BotError):
    """A catalog that must not be used; carries every problem, not the first."""

    code = "catalog"

    def __init__(
        self,
        problems: Sequence[Problem],
        *,
        of: str = "the catalog",
        hint: str = "run `runbookctl lint` to see each with its line",
    ) -> None:
        self.problems = tuple(sorted(problems))
        count = len(self.problems)
        super().__init__(f"{of} has {count} problem{'' if count == 1 else 's'}", hint=hint)


class Refused(BotError):
    """The rules said no. Safe to show to whoever asked."""

    code = "refused"


class NotFound(Refused):
    """There is no such run, incident, runbook or proposal."""

    code = "not-found"


class NotPermitted(Refused):
    """This person may not do this here; the message says who may."""

    code = "not-permitted"


class BadInput(Refused):
    """The words given do not fit; the message says which and what would."""

    code = "bad-input"


class AlreadyDecided(Refused):
    """Somebody decided before; the message says who and what."""

    code = "already-decided"


class Stale(Refused):
    """What this click approves is no longer what would run."""

    code = "stale"


class Expired(Refused):
    """The time to decide has passed."""

    code = "expired"


class JournalError(BotError):
    """The journal could not do what was asked."""

    code = "journal"


class VersionConflict(JournalError):
    """Another writer appended first; read the stream again and decide anew."""

    code = "version-conflict"


class JournalUnavailable(JournalError):
    """The journal cannot be opened, read or written now."""

    code = "journal-unavailable"


class UnreadableEvent(JournalError):
    """A stored event has a name or version that this program does not know."""

    code = "unreadable-event"


class ActionError(BotError):
    """Raised only by actions and caught only by the engine, which turns it into an outcome."""

    code = "action"


class ActionFailed(ActionError):
    """It failed for a known reason; `effect` says what it had done by then (none, applied, partial)."""

    code = "action-failed"

    def __init__(self, message: str, *, effect: str = "none", output: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.effect = effect
        self.output = output


class ActionRetry(ActionError):
    """Nothing was sent; trying again is safe."""

    code = "action-retry"


class ActionUnknown(ActionError):
    """It was sent and the answer was lost; nobody knows what happened until somebody looks."""

    code = "action-unknown"

    def __init__(self, message: str, *, output: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.output = output


class DeliveryError(BotError):
    """Slack could not be told; never changes a run."""

    code = "delivery"

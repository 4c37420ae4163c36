"""The server's ways to say no, each with the Status body and the words of the real one.

The words matter: what a person reads in the thread is the server's own reason, and tests hold it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.sandbox.cluster.kinds import Json, Kind


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One thing wrong with an object: `field` is a path, `reason` a word such as FieldValueInvalid."""

    reason: str
    message: str
    field: str = ""

    def body(self) -> Json:
        shown = {"reason": self.reason, "message": self.message}
        return {**shown, "field": self.field} if self.field else shown


@dataclass(eq=False)
class Refusal(Exception):
    """An answer that is a Status; nothing was changed."""

    code: int
    reason: str
    message: str
    details: Json = field(default_factory=dict)
    retry_after_s: int = 0

    def body(self) -> Json:
        """The Status object."""
        status: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        status |= {"message": self.message, "reason": self.reason, "code": self.code}
        details = {**self.details}
        if self.retry_after_s:
            details["retryAfterSeconds"] = self.retry_after_s
        if details:
            status["details"] = details
        return status


def _about(kind: Kind, name: str) -> Json:
    return {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}


def not_found(kind: Kind, name: str) -> Refusal:
    return Refusal(404, "NotFound", f'{kind.resource} "{name}" not found', _about(kind, name))


def no_such_path() -> Refusal:
    return Refusal(404, "NotFound", "the server could not find the requested resource")


def already_exists(kind: Kind, name: str) -> Refusal:
    return Refusal(409, "AlreadyExists", f'{kind.resource} "{name}" already exists', _about(kind, name))


def conflict(kind: Kind, name: str, why: str = "") -> Refusal:
    """Somebody else was faster, or a precondition does not hold."""
    why = why or (
        "the object has been modified; please apply your changes to the latest version and try again"
    )
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return Refusal(409, "Conflict", message, _about(kind, name))


def forbidden(kind: Kind, name: str, why: str) -> Refusal:
    """By a quota, an admission rule or the lack of a right; an empty name is a whole collection."""
    named = f' "{name}"' if name else ""
    message = f"{kind.resource}{named} is forbidden: {why}"
    return Refusal(403, "Forbidden", message, _about(kind, name) if name else {"kind": kind.plural})


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> Refusal:
    """The object as it would be breaks a rule; the causes are listed as the server lists them."""
    words = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = words[0] if len(words) == 1 else "[" + ", ".join(words) + "]"
    details = {
        "name": name,
        **({"group": kind.group} if kind.group else {}),
        "kind": kind.name,
        "causes": [cause.body() for cause in causes],
    }
    return Refusal(422, "Invalid", f'{kind.qualified} "{name}" is invalid: {listed}', details)


def unprocessable(why: str) -> Refusal:
    """A JSON patch that does not apply, such as a failed test."""
    details = {"causes": [{"reason": "UnexpectedServerResponse", "message": why}]}
    return Refusal(422, "Invalid", "the server rejected our request due to an error in our request", details)


def bad_request(why: str) -> Refusal:
    return Refusal(400, "BadRequest", why)


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> Refusal:
    return Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unsupported_media(given: str) -> Refusal:
    return Refusal(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: "
        f"application/json-patch+json, application/merge-patch+json, "
        f"application/strategic-merge-patch+json, application/json (it was {given!r})",
    )


def expired(asked: int, oldest: int) -> Refusal:
    """A watch or a list from a version that is no longer kept."""
    return Refusal(410, "Expired", f"too old resource version: {asked} ({oldest})")


def too_many(why: str, *, causes: Sequence[Cause] = (), retry_after_s: int = 0) -> Refusal:
    """Later, perhaps: a disruption budget or a busy server."""
    details = {"causes": [cause.body() for cause in causes]} if causes else {}
    return Refusal(429, "TooManyRequests", why, details, retry_after_s)

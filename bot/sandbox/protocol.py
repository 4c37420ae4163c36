"""The two things every part of the sandbox speaks: Slack's JSON, and Slack's way of saying no."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""One JSON object in Slack's shape. Stored ones are never changed in place: a change makes a new one."""


class SlackError(Exception):
    """Slack's `{"ok": false, "error": …}`; `detail` are the `response_metadata.messages`."""

    def __init__(self, error: str, *detail: str, **fields: Any) -> None:
        super().__init__(error, *detail)
        self.error = error
        self.detail = detail
        self.fields = fields

    def as_json(self) -> Json:
        """The answer's body."""
        body: Json = {"ok": False, "error": self.error, **self.fields}
        if self.detail:
            body["response_metadata"] = {"messages": [f"[ERROR] {line}" for line in self.detail]}
            body["errors"] = list(self.detail)
        return body


class NotThere(LookupError):
    """A person tried to use something their screen does not show: a button, a view, a shortcut."""


class NobodyAnswers(NotThere):
    """It is on their screen, but whose it is plays no part in the sandbox."""

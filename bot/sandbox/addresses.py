"""Where the sandbox can be reached; known only once it listens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Addresses:
    """`root` is `http://127.0.0.1:PORT/`."""

    root: str = ""

    @property
    def api(self) -> str:
        """The base URL a Slack client is given."""
        return f"{self.root}api/"

    def socket(self, ticket: str, *, app_id: str) -> str:
        """A Socket Mode URL, good for one connection."""
        return f"{self.root.replace('http', 'ws', 1)}link/?ticket={ticket}&app_id={app_id}"

    def upload(self, file_id: str) -> str:
        """Where a promised file's bytes go."""
        return f"{self.root}upload/v1/{file_id}"

    def response(self, secret: str) -> str:
        """A `response_url`."""
        return f"{self.root}response/{secret}"

    def permalink(self, channel: str, ts: str) -> str:
        """A link that the page opens at this message."""
        return f"{self.root}#{channel}/{ts}"

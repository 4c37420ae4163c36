"""One message of a thread, as a value: what Slack shall show under one key.

A key names a message for ever: delivery posts a key it has never sent, and what it does with one it has sent is
decided by `is_changed`, so that both halves of the door agree on it:

    last sent      now            then
    nothing        any            post
    live           differs        update (also the last time, to its final form)
    final          differs        nothing: what was said stays said, also when a later version words it differently
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.runs.events import ArtifactRef
from bot.runs.plan import Artifact, JsonObject, digest_of

METADATA_EVENT_TYPE = "runbook_bot"


@dataclass(frozen=True, kw_only=True)
class Message:
    """What one key shall show. A message with `artifacts` or `files` is a file posting; its `text` introduces them."""

    key: str
    place: str
    """`thread`, `channel` (a root of our own), `user:U…` (a direct message) or `under:C…:TS` (a reply to a message that
    is not this thread's)."""
    text: str
    """A full sentence that is complete without the blocks: notifications and screen readers have only this."""
    blocks: list[JsonObject] = field(default_factory=list)
    live: bool = False
    """It may still change. A message that is no longer live is in its final form."""
    artifacts: tuple[ArtifactRef, ...] = ()
    """Files whose bytes are in the journal under their digest."""
    files: tuple[Artifact, ...] = ()
    """Files that follow from the events alone; their bytes are here and nowhere else."""
    metadata: JsonObject = field(default_factory=dict)
    """Slack's `{event_type, event_payload}`; the payload's `key` is how a message is found again."""

    @property
    def content(self) -> str:
        """What delivery stores as `Delivery.content`: `live:` or `final:` and a digest of what people see."""
        seen = [
            self.text,
            self.blocks,
            [ref.digest for ref in self.artifacts],
            [one.digest for one in self.files],
        ]
        return f"{'live' if self.live else 'final'}:{digest_of(seen)}"

    @property
    def is_file(self) -> bool:
        """Whether it is posted as files instead of blocks."""
        return bool(self.artifacts or self.files)

    def is_changed(self, since: str) -> bool:
        """Whether a message last sent with content `since` must be updated; never for one sent in its final form."""
        if not since.startswith("live:"):
            return False
        return since.removeprefix("live:") != self.content.partition(":")[2]


def metadata_of(key: str, **more: object) -> JsonObject:
    """The metadata of a message with this key; `more` names the incident, the run and the stream's version."""
    return {"event_type": METADATA_EVENT_TYPE, "event_payload": {"key": key, **more}}

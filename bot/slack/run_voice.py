"""What everything that speaks of one run has in common: the run, its incident, and how its messages are keyed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.intake.incident import Incident
from bot.runs.state import Run
from bot.slack.message import Message, metadata_of
from bot.slack.views.drawn import Drawn


@dataclass(frozen=True, kw_only=True)
class RunVoice:
    """Makes messages of one run."""

    run: Run
    incident: Incident

    def message(self, key: str, view: Drawn, version: int, *, live: bool = False) -> Message:
        """A message in the thread."""
        return Message(
            key=key,
            place="thread",
            text=view.text,
            blocks=view.blocks,
            live=live,
            metadata=metadata_of(key, **self.metadata(version)),
        )

    def metadata(self, version: int) -> dict[str, Any]:
        """What a message carries for machines besides its key."""
        return {"incident_id": self.run.incident_id, "run_id": self.run.id, "version": version}

"""Puts one message where it belongs, or finds out whether an earlier try did: the part of delivery that speaks.

Holds no state. What the outcome means for the record of a message is `reconciling`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.engine.clock import Clock
from bot.intake.incident import stream_of as incident_stream
from bot.journal.base import Delivery, Journal
from bot.runs.events import IncidentId
from bot.runs.plan import Artifact, JsonObject
from bot.runs.state import Run
from bot.runs.state import stream_of as run_stream
from bot.slack.calls import SlackTrouble
from bot.slack.finding import file_title, find_message
from bot.slack.gateway import FALLBACK_TEXT_LIMIT, Gateway, Posted
from bot.slack.message import METADATA_EVENT_TYPE, Message

log = structlog.get_logger()

FILE_SETTLES = timedelta(seconds=15)
"""Slack shares a file after it has answered; a missing one is not missed before this."""

PLACE_TROUBLE = frozenset(
    {
        "not_in_channel",
        "channel_not_found",
        "is_archived",
        "thread_not_found",
        "cannot_reply_to_message",
        "missing_scope",
        "restricted_action",
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "no_permission",
        "org_login_required",
        "ekm_access_denied",
        "team_access_not_granted",
    }
)
"""Nothing is wrong with the message; it can be said once people have put the place right."""

CONTENT_WORDS = ("block", "msg_", "metadata", "invalid_arg", "attachment", "no_text")


def is_about_content(trouble: SlackTrouble) -> bool:
    """Slack read the message and will never take it as it is."""
    return trouble.is_refusal and any(word in trouble.error for word in CONTENT_WORDS)


def _is_about_files(trouble: SlackTrouble) -> bool:
    """Slack takes no file from us, for a reason that words do not share (a missing scope, a full workspace)."""
    return trouble.is_refusal and (trouble.error == "missing_scope" or trouble.error not in PLACE_TROUBLE)


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """Where something goes: a channel (or a person), and the thread's root where there is one."""

    channel: str
    ts: str = ""


@dataclass(frozen=True, kw_only=True)
class Placing:
    """Speaks for one incident."""

    incident_id: IncidentId
    journal: Journal
    gateway: Gateway
    clock: Clock

    async def send(self, message: Message, target: Anchor, runs: Sequence[Run]) -> Posted:
        """Say it; a message Slack refuses for its blocks or its file is said as plain text instead."""
        metadata = await self._metadata(message, runs)
        if message.is_file:
            return await self._upload(message, target, metadata)
        try:
            return await self.gateway.post(
                target.channel,
                text=message.text,
                blocks=message.blocks,
                thread_ts=target.ts,
                metadata=metadata,
            )
        except SlackTrouble as trouble:
            if not is_about_content(trouble):
                raise
            log.error("message-refused", key=message.key, incident=self.incident_id, reason=str(trouble))
        return await self.gateway.post(
            target.channel,
            text=message.text[:FALLBACK_TEXT_LIMIT],
            thread_ts=target.ts,
            metadata=metadata,
        )

    async def _upload(self, message: Message, target: Anchor, metadata: JsonObject) -> Posted:
        files: list[Artifact] = list(message.files)
        for ref in message.artifacts:
            artifact = await self.journal.artifact(ref.digest)
            if artifact is not None:
                files.append(replace(artifact, alt=ref.alt))
        titled = [(file_title(one.name, incident_id=self.incident_id, key=message.key), one) for one in files]
        try:
            await self.gateway.upload(target.channel, files=titled, text=message.text, thread_ts=target.ts)
        except SlackTrouble as trouble:
            if not _is_about_files(trouble):
                raise
            log.error("file-refused", key=message.key, incident=self.incident_id, reason=str(trouble))
            words = f"{message.text}\n(Slack did not take the file: {trouble.error}.)"
            return await self.gateway.post(target.channel, text=words, thread_ts=target.ts, metadata=metadata)
        return Posted(channel=target.channel, ts="")

    async def _metadata(self, message: Message, runs: Sequence[Run]) -> JsonObject:
        """The key a lost message is found by, and the heads of the chains as they were when it was said."""
        streams = [incident_stream(self.incident_id), *(run_stream(run.id) for run in runs[-1:])]
        heads = await self.journal.heads(["audit", *streams])
        payload = dict(message.metadata.get("event_payload") or {})
        payload |= {"key": message.key, "incident": self.incident_id}
        payload["heads"] = {stream: [version, digest] for stream, (version, digest) in heads.items()}
        return {"event_type": METADATA_EVENT_TYPE, "event_payload": payload}

    async def found(self, message: Message, record: Delivery) -> Posted | datetime | None:
        """What became of a post nobody heard back from: its place, when to look again, or None: not there."""
        if record.place.startswith("user:"):
            return Posted(channel=record.channel, ts="")
        found = await find_message(
            self.gateway,
            channel=record.channel,
            thread_ts=record.ts,
            incident_id=self.incident_id,
            key=message.key,
            since=record.updated_at,
        )
        if found is None and message.is_file and record.updated_at is not None:
            settled_at = record.updated_at + FILE_SETTLES
            return settled_at if settled_at > self.clock.now() else None
        return found

    async def change(self, message: Message, at: Posted) -> None:
        """Replace what a message says; as plain text where Slack refuses its blocks."""
        try:
            await self.gateway.edit(at, text=message.text, blocks=message.blocks)
        except SlackTrouble as trouble:
            if not is_about_content(trouble):
                raise
            log.error("message-refused", key=message.key, incident=self.incident_id, reason=str(trouble))
            await self.gateway.edit(at, text=message.text[:FALLBACK_TEXT_LIMIT])

"""Answers `@bot what is wrong` with the next safe step for these words, in the thread of whoever asked.

The words are a question and nothing else: no incident is opened and nothing is proposed before somebody uses the button
of the answer, which starts the runbook as `/runbook start` would, with the same rights.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from bot.catalog.schema import Service
from bot.engine.operations import Operations
from bot.engine.starting import Start
from bot.intake.incident import Facts
from bot.slack import commands, ids
from bot.slack.answering import Answers
from bot.slack.calls import SlackTrouble
from bot.slack.directory import SlackDirectory
from bot.slack.gateway import Gateway
from bot.slack.interactions import Click, Where
from bot.slack.modals import Modals
from bot.slack.views.advice import advice

_MENTION = re.compile(r"<@[A-Z0-9]+(?:\|[^>]*)?>")
_LINK = re.compile(r"<(?:[^<>|]*\|)?([^<>|]*)>")


class Mentions:
    """What a mention and the button under its answer do."""

    def __init__(
        self,
        *,
        operations: Operations,
        directory: SlackDirectory,
        gateway: Gateway,
        answers: Answers,
        modals: Modals,
    ) -> None:
        self._operations = operations
        self._directory = directory
        self._gateway = gateway
        self._answers = answers
        self._modals = modals

    async def answer(self, event: Mapping[str, Any]) -> None:
        """Never raises: whoever asked is told, alone, why there is no answer."""
        where = Where(
            user={"id": str(event.get("user", ""))},
            channel=str(event.get("channel", "")),
            thread_ts=str(event.get("thread_ts") or ""),
        )
        try:
            await self._answer(where, words_of(str(event.get("text") or "")), ts=str(event.get("ts") or ""))
        except Exception as error:  # noqa: BLE001 - the door: every refusal and every surprise is told to its person
            await self._answers.refuse(where, error)

    async def _answer(self, where: Where, words: str, *, ts: str) -> None:
        thread_ts = where.thread_ts or ts
        incident = await self._operations.incident_in(where.channel, thread_ts)
        if words.lower() in commands.VERBS or (not words and incident is None):
            await self._answers.tell(where, commands.HELP)
            return
        caller = await self._directory.caller_of(where.user)
        here = await services_of(where.channel, self._operations, self._gateway)
        found = await self._operations.advising.advise(words, caller, here=here, incident=incident)
        view = advice(found)
        await self._gateway.post(where.channel, text=view.text, blocks=view.blocks, thread_ts=thread_ts)

    async def propose(self, click: Click) -> None:
        """The answer's button: start what was advised, or ask for what it must know."""
        ref = ids.parse_propose(click.value)
        where = click.where
        asks = self._operations.start_form(ref.runbook)
        if asks.missing({}, service=ref.service):
            form = ids.StartRef(
                channel=where.channel, thread_ts=where.thread_ts, runbook=ref.runbook, service=ref.service
            )
            await self._modals.open_start(where, form)
            return
        caller = await self._directory.caller_of(where.user)
        start = Start(
            channel=where.channel,
            thread_ts=where.thread_ts,
            service=ref.service,
            facts=Facts(title=ref.words, symptom=ref.words) if ref.words else None,
        )
        await self._operations.start(ref.runbook, caller, start)


def words_of(said: str) -> str:
    """What somebody wrote besides the mention, as they wrote it: Slack's own markup of links and names is undone."""
    without = _LINK.sub(r"\1", _MENTION.sub(" ", said))
    return " ".join(html.unescape(without).split())


async def services_of(channel: str, operations: Operations, gateway: Gateway) -> list[Service]:
    """The services whose channel this is; one whose channel Slack does not know has its thread elsewhere."""
    catalog = operations.catalog()
    found = []
    for service in catalog.services.values():
        name = service.channel or catalog.default_channel
        try:
            if name and await gateway.channel_id(name) == channel:
                found.append(service)
        except SlackTrouble:
            continue
    return found

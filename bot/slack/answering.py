"""How one person is told something that only they need to see: a refusal with its reason, an answer to a command.

The one table from errors to sentences for the Slack door. A `Refused` is safe to show as it is. Anything unexpected
shows a reference id, never its text; the text goes to the log under that id.
"""

from __future__ import annotations

from uuid import uuid4

import structlog

from bot.catalog.params import BadParams
from bot.errors import BotError, CatalogError, DeliveryError, JournalError, Refused
from bot.slack import text
from bot.slack.blocks import notice
from bot.slack.calls import SlackTrouble
from bot.slack.gateway import Gateway
from bot.slack.interactions import Where

log = structlog.get_logger()

SENTENCE_LIMIT = 1500


def sentence_of(error: BaseException) -> str:
    """What to show for this error; logs the ones nobody foresaw, under the reference that is shown."""
    match error:
        case BadParams():
            return " ".join(_of_param(name, sentence) for name, sentence in error.by_name.items())
        case Refused():
            return _with_hint(error)
        case CatalogError():
            return "Nothing was done: the catalog has problems, and the old one does not know this."
        case JournalError():
            log.error("journal-trouble", reason=str(error))
            # It may have landed all the same: what the journal has is what the thread says.
            return (
                "The journal did not confirm this. What was really decided shows in the thread; "
                "if nothing does in a minute, try again."
            )
        case DeliveryError():
            return f"Slack did not take it: {text.value(error.message, 300)}."
        case _:
            reference = uuid4().hex[:8]
            log.error("door-broke", reference=reference, exc_info=error)
            return (
                f"Something broke inside the bot (reference {reference}). The thread shows what was really decided; "
                "tell whoever runs the bot the reference."
            )


def _of_param(name: str, sentence: str) -> str:
    link = "" if sentence.startswith("is ") else ":"
    return text.stopped(f"{text.code(name)}{link} {text.value(sentence, 300)}")


def _with_hint(error: BotError) -> str:
    message = text.sentence(text.spoken(error.message, SENTENCE_LIMIT))
    return f"{message} {text.sentence(text.spoken(error.hint, 300))}" if error.hint else message


class Answers:
    """Tells one person, by the first way that works."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def refuse(self, where: Where, error: BaseException) -> None:
        """Show why it was not done."""
        await self.tell(where, sentence_of(error))

    async def tell(self, where: Where, words: str) -> None:
        """Show `words` (mrkdwn) to this person only. Never raises: there is nobody left to tell that to.

        In a channel an ephemeral message where they are looking; else the `response_url` (a command in a channel the
        bot is not in); the App Home has neither, so there it is shown over it; else a direct message.
        """
        reasons = []
        for attempt in (self._whisper, self._respond, self._show, self._direct):
            try:
                if await attempt(where, words):
                    return
            except SlackTrouble as trouble:
                reasons.append(str(trouble))
        log.warning("answer-lost", user=where.user_id, reasons=reasons)

    async def _whisper(self, where: Where, words: str) -> bool:
        if not where.channel or not where.user_id:
            return False
        await self._gateway.whisper(where.channel, user=where.user_id, text=words, thread_ts=where.thread_ts)
        return True

    async def _respond(self, where: Where, words: str) -> bool:
        if not where.response_url:
            return False
        await self._gateway.respond(where.response_url, text=words)
        return True

    async def _show(self, where: Where, words: str) -> bool:
        """Over whatever they are looking at: a trigger lives three seconds and opens one view, so this may be late."""
        if not where.trigger_id:
            return False
        await self._gateway.open_view(where.trigger_id, notice("For you alone", words))
        return True

    async def _direct(self, where: Where, words: str) -> bool:
        if not where.user_id:
            return False
        await self._gateway.post(where.user_id, text=words)
        return True

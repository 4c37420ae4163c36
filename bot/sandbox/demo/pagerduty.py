"""PagerDuty's part in the demo: signed webhooks to the bot, and what its own Slack app says in the channel.

As with the real one the webhook comes first and the message in Slack a moment later; here that moment lasts until the
bot has answered, so that every telling of the story reads the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp

from bot.intake.pagerduty import SIGNATURE_HEADER
from bot.sandbox.demo.acme import INCIDENTS
from bot.sandbox.members import PAGERDUTY_APP_ID
from bot.sandbox.server import Sandbox

ACCOUNT = "https://acme-example.pagerduty.com"
COLOURS = {"Triggered": "#c93b3b", "Resolved": "#3fa45b"}
BOT_ANSWERS_WITHIN_S = 3.0
PATIENCE_S = 5.0
"""PagerDuty's own."""
RETRIES_AFTER_S = (0.5, 1.0)


@dataclass(frozen=True, kw_only=True)
class PagedService:
    """A service as PagerDuty knows it; its pages are numbered from `first_number` on."""

    id: str
    name: str
    first_number: int


PAYMENTS = PagedService(id="PPAYMNT", name="payments", first_number=4127)
PAYMENT_API = PagedService(id="PPAYAPI", name="payment-api", first_number=4310)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One PagerDuty incident."""

    id: str
    number: int
    title: str
    created_at: datetime
    ts: str = ""
    """Where PagerDuty's app spoke of it in the channel."""

    @property
    def url(self) -> str:
        """Where it would be shown."""
        return f"{ACCOUNT}/incidents/{self.id}"


class PagerDuty:
    """Pages the bot for one service and speaks in Slack; one page at a time."""

    def __init__(self, slack: Sandbox, *, secret: str, service: PagedService = PAYMENTS) -> None:
        self._slack = slack
        self._service = service
        self._secret = secret
        self._number = service.first_number
        self.webhook_url = ""
        """Where webhooks go; set when the bot listens."""
        self.open: Page | None = None
        """The page that is not resolved yet."""

    async def trigger(self, title: str) -> Page:
        """Page; one that is open already is given back instead."""
        if self.open is not None:
            return self.open
        page = Page(
            id=f"Q{uuid4().hex[:12].upper()}",
            number=self._number,
            title=title,
            created_at=datetime.now(UTC),
        )
        said_before = len(self._bot_messages())
        await self._send("incident.triggered", page, status="triggered")
        self._number += 1
        self.open = page
        await self._bot_answers(said_before)
        ts = self._slack.post_as_app(PAGERDUTY_APP_ID, INCIDENTS, _message("Triggered", page, self._service))
        self.open = Page(**{**vars(page), "ts": ts})
        return self.open

    async def resolve(self) -> None:
        """Resolve the open page; nothing happens without one."""
        page = self.open
        if page is None:
            return
        await self._send("incident.resolved", page, status="resolved")
        self.open = None
        if page.ts:
            self._slack.edit_as_app(INCIDENTS, page.ts, _message("Resolved", page, self._service))

    async def _send(self, event_type: str, page: Page, *, status: str) -> None:
        body = json.dumps(_webhook(event_type, page, self._service, status=status)).encode()
        signature = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "PagerDuty-Webhook/V3.0",
            SIGNATURE_HEADER: f"v1={signature}",
        }
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as http:
            for pause_s in (*RETRIES_AFTER_S, None):
                try:
                    async with http.post(self.webhook_url, data=body, headers=headers) as answer:
                        answer.raise_for_status()
                        return
                except (aiohttp.ClientError, TimeoutError):
                    if pause_s is None:
                        raise
                await asyncio.sleep(pause_s)  # the same event id again: the bot knows it if it got it

    def _bot_messages(self) -> list[dict[str, Any]]:
        app_id = self._slack.workspace.app.id
        return [one for one in self._slack.messages(INCIDENTS) if one.get("app_id") == app_id]

    async def _bot_answers(self, said_before: int) -> None:
        try:
            await self._slack.until(
                lambda: len(self._bot_messages()) > said_before,
                timeout_s=BOT_ANSWERS_WITHIN_S,
                what="the bot to answer the page",
            )
        except TimeoutError:
            return  # PagerDuty speaks of it anyway


def _webhook(event_type: str, page: Page, paged: PagedService, *, status: str) -> dict[str, Any]:
    service = {
        "id": paged.id,
        "type": "service_reference",
        "summary": paged.name,
        "html_url": f"{ACCOUNT}/services/{paged.id}",
    }
    monitoring = {
        "id": "PMONITR",
        "type": "events_api_v2_inbound_integration_reference",
        "summary": "monitoring",
    }
    assignee = {"id": "PALICEA", "type": "user_reference", "summary": "Alice Arendt"}
    return {
        "event": {
            "id": f"01{uuid4().hex[:24].upper()}",
            "event_type": event_type,
            "resource_type": "incident",
            "occurred_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "agent": monitoring,
            "client": None,
            "data": {
                "id": page.id,
                "type": "incident",
                "html_url": page.url,
                "number": page.number,
                "status": status,
                "incident_key": f"{paged.name}/{page.number}",
                "created_at": page.created_at.isoformat().replace("+00:00", "Z"),
                "title": page.title,
                "service": service,
                "assignees": [assignee] if status != "resolved" else [],
                "escalation_policy": {"id": "PESCPAY", "summary": "Payments on call"},
                "teams": [{"id": "PTEAMPA", "summary": "Payments"}],
                "priority": None,
                "urgency": "high",
                "conference_bridge": None,
                "resolve_reason": None,
            },
        }
    }


def _message(word: str, page: Page, paged: PagedService) -> dict[str, Any]:
    """The post of PagerDuty's app, as `post_as_app` takes it."""
    text = f"*{word}* <{page.url}?utm_campaign=channel&amp;utm_source=slack|#{page.number}: {page.title}>"
    fields = [
        "*Assigned:* Alice Arendt",
        f"*Service:* <{ACCOUNT}/services/{paged.id}|{paged.name}>",
        "*Urgency:* High",
    ]
    return {
        "text": text,
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}],
        "attachments": [
            {
                "id": 1,
                "color": COLOURS[word],
                "fallback": "[no preview available]",
                "blocks": [
                    {
                        "type": "section",
                        "fields": [{"type": "mrkdwn", "text": one} for one in fields],
                    }
                ],
            }
        ],
    }

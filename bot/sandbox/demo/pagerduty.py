"""PagerDuty's part in the demo: signed webhooks to the bot, and what its own Slack app says in the channel.

As with the real one the webhook comes first and the message in Slack a moment later; here that moment lasts until the
bot has answered, so that every telling of the story reads the same. What the bot tells PagerDuty (over the API of
`bot.sandbox.pagerduty`) is shown in that message, and comes back to the bot as webhooks, as it would.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp

from bot.intake.pagerduty import SIGNATURE_HEADER
from bot.sandbox.demo.acme import INCIDENTS
from bot.sandbox.members import PAGERDUTY_APP_ID
from bot.sandbox.pagerduty import Change, PagerDutyApi, PagerUser
from bot.sandbox.server import Sandbox

ACCOUNT = "https://acme-example.pagerduty.com"
COLOURS = {"Triggered": "#c93b3b", "Acknowledged": "#d79b2e", "Resolved": "#3fa45b"}
MONITORING = {
    "id": "PMONITR",
    "type": "events_api_v2_inbound_integration_reference",
    "summary": "monitoring",
}
NOTES_ROOM = 2900
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


USERS = (
    PagerUser(id="PALICEA", name="Alice Arendt", email="alice@acme.example"),
    PagerUser(id="PBOBITO", name="Bob Ito", email="bob@acme.example"),
)
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

    def __init__(
        self, slack: Sandbox, api: PagerDutyApi, *, secret: str, service: PagedService = PAYMENTS
    ) -> None:
        self._slack = slack
        self._api = api
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
        self._api.open(_incident(page, self._service))
        await self._send("incident.triggered", page)
        self._number += 1
        self.open = page
        await self._bot_answers(said_before)
        ts = self._slack.post_as_app(PAGERDUTY_APP_ID, INCIDENTS, self._message(page))
        self.open = Page(**{**vars(page), "ts": ts})
        return self.open

    async def heard(self, change: Change) -> None:
        """Somebody changed the open page through the API: show it in Slack, and tell whoever listens."""
        page = self.open
        if page is None or change.incident["id"] != page.id:
            return
        note = change.content if change.kind == "annotated" else None
        await self._send(f"incident.{change.kind}", page, agent=_reference(change.by), note=note)
        self._show(page)

    async def resolve(self) -> None:
        """Resolve the open page; nothing happens without one."""
        page = self.open
        if page is None:
            return
        self._api.change(page.id, "resolved", assignees=[])
        await self._send("incident.resolved", page)
        self.open = None
        self._show(page)

    def _show(self, page: Page) -> None:
        if page.ts:
            self._slack.edit_as_app(INCIDENTS, page.ts, self._message(page))

    def _message(self, page: Page) -> dict[str, Any]:
        return _message(page, self._service, self._api.incidents[page.id], self._api.notes[page.id])

    async def _send(
        self, event_type: str, page: Page, *, agent: dict[str, Any] = MONITORING, note: str | None = None
    ) -> None:
        body = json.dumps(_webhook(event_type, self._api.incidents[page.id], agent=agent, note=note)).encode()
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


def _incident(page: Page, paged: PagedService) -> dict[str, Any]:
    """A page as PagerDuty shows it when it has just been triggered."""
    return {
        "id": page.id,
        "type": "incident",
        "html_url": page.url,
        "number": page.number,
        "status": "triggered",
        "incident_key": f"{paged.name}/{page.number}",
        "created_at": _stamp(page.created_at),
        "title": page.title,
        "service": {
            "id": paged.id,
            "type": "service_reference",
            "summary": paged.name,
            "html_url": f"{ACCOUNT}/services/{paged.id}",
        },
        "assignees": [_reference(USERS[0])],
        "escalation_policy": {"id": "PESCPAY", "summary": "Payments on call"},
        "teams": [{"id": "PTEAMPA", "summary": "Payments"}],
        "priority": None,
        "urgency": "high",
        "conference_bridge": None,
        "resolve_reason": None,
    }


def _reference(user: PagerUser) -> dict[str, Any]:
    return {"id": user.id, "type": "user_reference", "summary": user.name}


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _webhook(
    event_type: str, incident: dict[str, Any], *, agent: dict[str, Any], note: str | None
) -> dict[str, Any]:
    """One event: the incident as it is, or a note, which only refers to it."""
    reference = {"id": incident["id"], "type": "incident_reference", "summary": incident["title"]}
    about_note = {"id": "PNOTE01", "type": "incident_note", "incident": reference, "content": note}
    return {
        "event": {
            "id": f"01{uuid4().hex[:24].upper()}",
            "event_type": event_type,
            "resource_type": "incident",
            "occurred_at": _stamp(datetime.now(UTC)),
            "agent": agent,
            "client": None,
            "data": incident if note is None else about_note,
        }
    }


def _message(
    page: Page, paged: PagedService, incident: dict[str, Any], notes: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The post of PagerDuty's app as things stand, as `post_as_app` takes it."""
    word = str(incident["status"]).capitalize()
    text = f"*{word}* <{page.url}?utm_campaign=channel&amp;utm_source=slack|#{page.number}: {page.title}>"
    fields = [
        f"*Assigned:* {', '.join(one['summary'] for one in incident['assignees']) or 'nobody'}",
        f"*Service:* <{ACCOUNT}/services/{paged.id}|{paged.name}>",
        "*Urgency:* High",
    ]
    blocks = [_section(text)]
    if notes:
        shown = "\n".join(f"*Note by {one['user']['summary']}:* {_escaped(one['content'])}" for one in notes)
        blocks.append(_section(shown[-NOTES_ROOM:]))
    return {
        "text": text,
        "blocks": blocks,
        "attachments": [
            {
                "id": 1,
                "color": COLOURS[word],
                "fallback": "[no preview available]",
                "blocks": [
                    {"type": "section", "fields": [{"type": "mrkdwn", "text": one} for one in fields]}
                ],
            }
        ],
    }


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

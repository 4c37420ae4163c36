"""Where signals come in: what programs post is checked, persisted, answered, and only then thought about.

Order matters in a webhook: size, then who sent it, then reading. Whoever cannot show a secret learns nothing, and
nothing of theirs is parsed. PagerDuty drops a 4xx and disables the subscription after three in a row, so for a signed
body anything but a broken envelope is 202; both it and Alertmanager repeat after 5xx, so a journal that is away is 503.
"""

from __future__ import annotations

import asyncio
import hmac
from base64 import b64decode
from collections.abc import Sequence

from bot.api.auth import OPERATOR, ApiCaller, Unauthenticated
from bot.api.doors import Doors
from bot.api.routing import Answer, Ask, Nothing, Returns, route
from bot.api.shapes import Notification, PagerDutyEvent, ReportedEvent, Taken
from bot.api.sight import place_for, require_team, service_called
from bot.errors import JournalUnavailable
from bot.intake import inbox
from bot.intake.deployment import Deployment
from bot.intake.pagerduty import SIGNATURE_HEADER, is_signed
from bot.intake.signal import Ignored
from bot.journal.base import InboxItem

TAKEN = Returns(202, Taken, "accepted, a duplicate, or nothing that matters here")
MOST_TRIED = 16


@route(
    "POST",
    "/webhooks/pagerduty",
    summary="Take a PagerDuty event",
    section="Signals",
    entry="pagerduty",
    looks=PagerDutyEvent,
    answers=(TAKEN,),
    refuses=(400, 401, 413),
    takes={SIGNATURE_HEADER: "PagerDuty's signatures over the raw body"},
)
async def pagerduty(doors: Doors, ask: Ask[Nothing, Nothing]) -> Answer:
    """A V3 webhook, signed with one of `PAGERDUTY_WEBHOOK_SECRETS`. Each event counts once."""
    header = ",".join(ask.headers.getall(SIGNATURE_HEADER, []))
    if not is_signed(ask.raw, header=header, secrets=doors.webhook_secrets):
        raise Unauthenticated(
            "the webhook is not signed with a secret that is known here",
            hint="set PAGERDUTY_WEBHOOK_SECRETS to the secret PagerDuty showed when the subscription was made",
        )
    item = inbox.from_webhook(ask.raw, received_at=doors.now(), us=doors.us)
    return await _accept(doors, () if isinstance(item, Ignored) else (item,))


@route(
    "POST",
    "/webhooks/alertmanager",
    summary="Take a notification of Alertmanager",
    section="Signals",
    entry="alertmanager",
    looks=Notification,
    answers=(TAKEN,),
    refuses=(400, 401, 413),
    takes={"Authorization": "`Bearer <secret>`, or `Basic` with the secret as password"},
)
async def alertmanager(doors: Doors, ask: Ask[Nothing, Nothing]) -> Answer:
    """A webhook of version 4 whose sender shows one of `BOT_ALERTMANAGER_SECRETS`.

    The alerts of a group that are about one service are one incident; it is over when all of them are. Alerts are
    known by fingerprint and start, so a repeated notification is a duplicate.
    """
    if not _shows_secret(ask.headers.getall("Authorization", []), doors.alertmanager_secrets):
        raise Unauthenticated(
            "the notification shows no secret that is known here",
            hint="set BOT_ALERTMANAGER_SECRETS, and one of them as `authorization.credentials` of the receiver",
        )
    return await _accept(doors, inbox.from_alertmanager(ask.raw, received_at=doors.now()))


@route(
    "POST",
    "/api/v1/events",
    summary="Report a metric anomaly or a deployment",
    section="Signals",
    role=OPERATOR,
    body=ReportedEvent,
    answers=(TAKEN,),
)
async def events(doors: Doors, ask: Ask[ReportedEvent, Nothing]) -> Answer:
    """An anomaly opens an incident with its numbers. The same `anomaly_id` counts once.

    A deployment that failed opens an incident with a diagnosis of what was deployed, also where nobody was paged; one
    that succeeded opens none and is kept as what changed. The same `deployment_id` with the same status counts once.
    """
    one = ask.body.root
    now, actor = doors.now(), ask.caller.actor
    if isinstance(one, Deployment):
        if doors.operations is not None:
            _check_deployment(doors, ask.caller, one)
        return await _accept(doors, (inbox.from_deployment(ask.raw, received_at=now, actor=actor),))
    if doors.operations is not None:
        service = doors.engine.catalog().service_named(one.service_id)
        if service is not None:
            require_team(ask.caller, service)
    return await _accept(doors, (inbox.from_anomaly(ask.raw, received_at=now, actor=actor),))


def _check_deployment(doors: Doors, caller: ApiCaller, one: Deployment) -> None:
    """A pipeline is told at once what would be looked into by nobody: it reads answers, and has nobody to ask."""
    service = service_called(doors, caller, one.service)
    if one.namespace is not None:
        kind, name = one.workload
        place_for(doors, caller, service, cluster=one.cluster, namespace=one.namespace, kind=kind, name=name)


async def _accept(doors: Doors, items: Sequence[InboxItem]) -> Answer:
    """Persist, then answer. An accept that outlives its time may still land: the sender's repeat is a duplicate."""
    new = []
    try:
        async with asyncio.timeout(doors.accept_timeout_s):
            for item in items:
                new.append(await doors.inbox.accept(item))
    except TimeoutError as error:
        raise JournalUnavailable("the journal did not accept a signal in time") from error
    finally:
        if any(new):
            doors.wake()
    if not items:
        return Answer(status=202, content=Taken(status="ignored"))
    return Answer(status=202, content=Taken(status="accepted" if any(new) else "duplicate"))


def _shows_secret(given: Sequence[str], secrets: Sequence[str]) -> bool:
    """Whether the one Authorization header carries a known secret; every one is compared, each in constant time."""
    shown = _shown(given[0]) if len(given) == 1 else ""
    found = False
    for secret in secrets[:MOST_TRIED]:
        found |= bool(secret) and hmac.compare_digest(
            secret.encode(), shown.encode("utf-8", "surrogateescape")
        )
    return found


def _shown(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return b64decode(rest.strip(), validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    return ""

"""Prometheus Alertmanager: the message its Slack receiver posts with the default template.

`[FIRING:1] <group label values> (<other common label values>)`, `[RESOLVED] …`, linking to `…/#/alerts?receiver=…`.
The template writes label values without their names, so each word is only a candidate for the service and the
environment; the catalog says whether exactly one of them is known.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from bot.intake.foreign import TITLE_LIMIT, line
from bot.intake.incident import Facts, Origin
from bot.intake.posts import Post, plain
from bot.intake.signal import ALERTMANAGER, SLACK, Ignored, Kind, Signal, slack_key

_TITLE = re.compile(r"\[(?:(FIRING)(?::[0-9]{1,6})?|(RESOLVED))\]\s+(\S.*)", re.DOTALL)
_CONSOLE = "/#/alerts"
_SEVERITIES = ("critical", "error", "warning", "info", "page", "ticket")


def read_alertmanager_post(post: Post) -> Signal | Ignored:
    """The signal in a post of Alertmanager's Slack receiver, marked as read from text."""
    console = next((link.url for link in post.links if _CONSOLE in link.url), "")
    title = _title(post.strings)
    if title is None or not console:
        return Ignored(reason="not Alertmanager's")
    if post.before is not None and (before := _title(post.before)) and before.groups() == title.groups():
        return Ignored(reason="an edit that says nothing new")
    kind: Kind = "triggered" if title.group(1) else "resolved"
    # The fallback repeats the title and adds ` | link`; whichever came first, the words end there.
    words = line(title.group(3).split(" | http", 1)[0], limit=TITLE_LIMIT)
    group, _, common = words.partition(" (")
    labels = tuple(dict.fromkeys([*group.split(), *common.rstrip(")").split()]))
    return Signal(
        kind=kind,
        account="text",
        origins=(
            Origin(key=group_key(group, console), source=ALERTMANAGER, url=console),
            Origin(key=slack_key(post.channel, post.thread_ts), source=SLACK),
        ),
        facts=Facts(
            title=words,
            urgency=next((severity for severity in _SEVERITIES if severity in labels), ""),
            status="triggered" if kind == "triggered" else "resolved",
            url=line(console, limit=TITLE_LIMIT),
            from_text=True,
        ),
        occurred_at=post.said_at,
        service_names=labels,
        environment_names=labels,
        place=post.place,
        recurs=True,
    )


def _title(strings: Iterable[str]) -> re.Match[str] | None:
    return next((found for one in strings if (found := _TITLE.fullmatch(plain(one)))), None)


def group_key(group: str, console: str) -> str:
    """An alert group by its label values and its console; the count and the other labels come and go.

    The webhook makes the same key of the same group, so that both are one incident.
    """
    digest = hashlib.sha256(f"{console}\n{group}".encode()).hexdigest()[:24]
    return f"{ALERTMANAGER}:{digest}"

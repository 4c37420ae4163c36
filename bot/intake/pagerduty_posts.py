"""What PagerDuty's Slack app says in a channel: the incident by its link, the rest from the words.

The layout of these posts is not documented and changes; the link does not. So the incident's id comes from the link
alone, and everything else is a reading of text and marked so (`Facts.from_text`). A status counts only where it
is news: a new post's, or an edit whose status word differs from the one it had (Slack also sends edits for previews and
counters). "Triggered" never undoes anything; it may simply have been slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bot.intake.foreign import TITLE_LIMIT, line
from bot.intake.incident import Facts, Origin
from bot.intake.posts import Link, Post, links_in, plain
from bot.intake.signal import PAGERDUTY, SLACK, STATUS_AFTER, Ignored, Kind, Signal, pagerduty_key, slack_key

PAGERDUTY_APP_ID = "A1FKYAUUX"
"""PagerDuty's app in Slack, the same in every workspace."""

_INCIDENT = re.compile(
    r"https://(?:[a-z0-9-]{1,63}\.){1,3}pagerduty\.com/incidents/([A-Z0-9]{7,14})(?:[/?#].*)?", re.IGNORECASE
)
_SERVICE = re.compile(
    r"https://(?:[a-z0-9-]{1,63}\.){1,3}pagerduty\.com/(?:services|service-directory)/([A-Z0-9]{7,14})(?:[/?#].*)?",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?:\[?#([0-9]{1,15})\]?:?\s+)?(\S.*)", re.DOTALL)
_WORDS: Mapping[str, Kind] = {
    "triggered": "triggered",
    "acknowledged": "acknowledged",
    "unacknowledged": "unacknowledged",
    "resolved": "resolved",
    "reopened": "reopened",
}
_STATUS_WORD = re.compile(r"[^A-Za-z#<]{0,12}([A-Za-z]+)\b")


def read_pagerduty_post(post: Post) -> Signal | Ignored:
    """The signal in a post of PagerDuty's app (or of its older integration, by name)."""
    if post.app_id != PAGERDUTY_APP_ID and (post.app_id or "pagerduty" not in post.username.lower()):
        return Ignored(reason="not PagerDuty's")
    found = next(
        ((link, match.group(1)) for link in post.links if (match := _INCIDENT.fullmatch(link.url))), None
    )
    if found is None:
        return Ignored(reason="a PagerDuty message without a link to an incident")
    link, pagerduty_id = found
    kind = _kind_of(post)
    return Signal(
        kind=kind or "updated",
        account="text",
        origins=(
            Origin(key=pagerduty_key(pagerduty_id.upper()), source=PAGERDUTY, url=_bare(link.url)),
            Origin(key=slack_key(post.channel, post.thread_ts), source=SLACK),
        ),
        facts=_facts(post, link=link, kind=kind or _kind(post.strings) or "triggered"),
        occurred_at=post.said_at,
        service_names=_service_names(post),
        place=post.place,
    )


def _kind_of(post: Post) -> Kind | None:
    """The status this post announces, None where an edit announces nothing."""
    now = _kind(post.strings)
    if post.before is not None and now == _kind(post.before):
        return None
    if now is None and post.before is None and post.thread_ts == post.ts:
        return "triggered"
    return now


def _kind(strings: Iterable[str]) -> Kind | None:
    """The first string that starts with a status word (buttons say "Acknowledge", which is none)."""
    for one in strings:
        if (found := _STATUS_WORD.match(one)) and (kind := _WORDS.get(found.group(1).lower())):
            return kind
    return None


def _facts(post: Post, *, link: Link, kind: Kind) -> Facts:
    number, title = _title(post, link)
    assigned = plain(post.field("assigned", "assigned to", "assignee", "assignees"))
    return Facts(
        title=title,
        service_text=line(plain(post.field("service", "impacted service"))),
        urgency=line(plain(post.field("urgency"))).lower(),
        priority=line(plain(post.field("priority"))),
        status=STATUS_AFTER.get(kind, "triggered"),
        assignees=tuple(filter(None, (line(name) for name in assigned.split(",")[:50]))),
        url=_bare(link.url),
        number=number,
        from_text=True,
    )


def _title(post: Post, link: Link) -> tuple[int | None, str]:
    """Number and title: the link's own label, else the first string with a number in front, else the id."""
    labelled = [one.label for one in post.links if one.label and _INCIDENT.fullmatch(one.url)]
    numbered = [plain(one) for one in post.strings if one.lstrip().startswith("#")]
    for text in (*labelled, *numbered):
        found = _NUMBERED.fullmatch(text)
        if found is not None:
            number = int(found.group(1)) if found.group(1) else None
            return number, line(found.group(2), limit=TITLE_LIMIT)
    return None, line(_bare(link.url), limit=TITLE_LIMIT)


def _service_names(post: Post) -> tuple[str, ...]:
    written = post.field("service", "impacted service")
    ids = [match.group(1) for link in links_in(written) if (match := _SERVICE.fullmatch(link.url))]
    return tuple(filter(None, (*ids, line(plain(written)))))


def _bare(url: str) -> str:
    return re.split(r"[?#]", url, maxsplit=1)[0]

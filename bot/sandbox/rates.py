"""How often each method may be called, as Slack counts: so many in a window, per workspace or per channel."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Literal

from bot.sandbox.protocol import Json


@dataclass(frozen=True)
class Rate:
    """At most `calls` in any `window_s` seconds; with `by`, counted for each value of that argument apart."""

    calls: int
    window_s: float
    by: str = ""


TIER_2 = Rate(20, 60)
TIER_3 = Rate(50, 60)
TIER_4 = Rate(100, 60)

RATES: dict[str, Rate] = {
    # One a second in each channel; Slack lets short bursts through, so five seconds are counted together.
    "chat.postMessage": Rate(5, 5, by="channel"),
    "chat.postEphemeral": TIER_4,
    "chat.update": TIER_3,
    "chat.delete": TIER_3,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.join": TIER_3,
    "conversations.list": TIER_2,
    "conversations.members": TIER_4,
    "conversations.open": TIER_3,
    "conversations.replies": TIER_3,
    "files.completeUploadExternal": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.info": TIER_4,
    "reactions.add": TIER_3,
    "team.info": TIER_3,
    "usergroups.list": TIER_2,
    "usergroups.users.list": TIER_2,
    "users.conversations": TIER_3,
    "users.info": TIER_4,
    "users.list": TIER_2,
    "users.lookupByEmail": TIER_3,
    "views.open": TIER_4,
    "views.publish": TIER_4,
    "views.push": TIER_4,
    "views.update": TIER_4,
}
"""From Slack's method pages. `auth.test` and `apps.connections.open` allow what a reconnecting bot needs."""


class RateLimits:
    """Counts calls; `generous` lets everything through."""

    def __init__(self, kind: Literal["slack", "generous"]) -> None:
        self.kind = kind
        self._calls: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)

    def refusal(self, method: str, args: Json, *, now: float) -> int | None:
        """Seconds to wait (`Retry-After`) when this call is one too many, else None and it is counted."""
        rate = RATES.get(method)
        if rate is None or self.kind == "generous":
            return None
        seen = self._calls[method, str(args.get(rate.by, "")) if rate.by else ""]
        while seen and seen[0] <= now - rate.window_s:
            seen.popleft()
        if len(seen) >= rate.calls:
            return max(1, math.ceil(seen[0] + rate.window_s - now))
        seen.append(now)
        return None

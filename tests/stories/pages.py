"""What PagerDuty says, by webhook and in Slack: the recorded samples, moved to this moment and this story."""

from __future__ import annotations

import copy
import hashlib
import hmac
import itertools
import json
from datetime import datetime
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent.parent / "samples"
SECRET = "story-webhook-secret"
INCIDENT = "Q1ZK4T8W2R6B3N"
PAGERDUTY_APP = "A1FKYAUUX"

_numbers = itertools.count(1)


def webhook(kind: str, *, at: datetime, incident: str = INCIDENT, agent: str = "", **data: Any) -> bytes:
    """The body of one webhook; `data` replaces fields of the incident (or of the note), `agent` who did it."""
    sample = json.loads((SAMPLES / "pagerduty" / f"incident.{kind}.json").read_bytes())
    event = sample["event"]
    event["id"] = f"01STORY{next(_numbers):019d}"
    event["occurred_at"] = at.isoformat()
    if agent:
        event["agent"]["summary"] = agent
    if event["data"]["type"] == "incident":
        event["data"]["id"] = incident
        event["data"]["html_url"] = f"https://acme.pagerduty.com/incidents/{incident}"
    else:
        event["data"]["incident"]["id"] = incident
    event["data"] |= data
    return json.dumps(sample).encode()


def signed(body: bytes) -> dict[str, str]:
    """PagerDuty's headers for this body."""
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"X-PagerDuty-Signature": f"v1={digest}", "Content-Type": "application/json"}


def post(kind: str, *, incident: str = INCIDENT, title: str = "") -> dict[str, Any]:
    """A message of PagerDuty's app: `triggered`, `resolved`, `acknowledged_thread`."""
    sample = (SAMPLES / "slack" / f"pd_slack_app_{kind}.json").read_text(encoding="utf-8")
    sample = sample.replace(INCIDENT, incident)
    event = json.loads(sample)["event"]
    if title:
        event = json.loads(
            json.dumps(event).replace("checkout-api p99 latency &gt; 2s in prod-eu (5m)", title)
        )
    return copy.deepcopy({key: event[key] for key in ("text", "blocks", "attachments") if key in event})

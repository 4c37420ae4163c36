"""Anomaly detection's part in the demo: it tells the bot's API, with a token of its own, that a metric is unusual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import aiohttp

from bot.api.auth import mint

SCORE = 0.93
PATIENCE_S = 5.0


class AnomalyDetection:
    """Posts to `/api/v1/events`; `secret` is what its tokens are signed with."""

    def __init__(self, *, secret: str) -> None:
        self._secret = secret
        self.url = ""
        """Where events go; set when the bot listens."""

    async def tell_cpu(self, service: str, cpu: int, *, title: str) -> None:
        """The CPU of a service is unusually high; raises aiohttp's ClientError where nobody takes it."""
        token = mint(
            self._secret.encode(),
            issuer="runbook-bot",
            audience="runbook-bot",
            subject="anomaly-detection",
            name="Anomaly detection",
            teams=["*"],
            now=datetime.now(UTC),
            lifetime=timedelta(minutes=5),
        )
        event = {
            "anomaly_id": f"demo-{uuid4().hex[:12]}",
            "service_id": service,
            "metric_name": "cpu_usage",
            "value": float(cpu),
            "anomaly_score": SCORE,
            "title": title,
        }
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as http,
            http.post(self.url, json=event, headers={"Authorization": f"Bearer {token}"}) as answer,
        ):
            answer.raise_for_status()

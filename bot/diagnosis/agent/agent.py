"""The agent: asks a model for its opinion on a diagnosis, within its limits, and gives back what of it holds.

It never fails: where a model loops, is busy, answers nonsense or not at all, the opinion says that there is none and
why, and the diagnosis stands as it is. The library that speaks to models is imported at the first opinion, beside the
event loop: it takes seconds, and whoever has no key never pays them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Self

from bot.diagnosis.agent.judging import judged
from bot.diagnosis.agent.limits import Endpoint, Limits
from bot.diagnosis.agent.looks import Looks
from bot.diagnosis.agent.opinion import Offer, Opinion
from bot.diagnosis.agent.prompt import document, instructions
from bot.diagnosis.evidence import Evidence
from bot.diagnosis.findings import Finding
from bot.settings import Settings
from bot.telemetry import Redactor

NOT_INSTALLED = "what speaks to models is not installed: pip install -e '.[ai]'"


@dataclass(frozen=True, kw_only=True)
class Agent:
    """Asks one model. Make one per process; nothing is sent by that."""

    endpoint: Endpoint
    limits: Limits
    redactor: Redactor

    @classmethod
    def of(cls, settings: Settings, redactor: Redactor) -> Self | None:
        """The one that the settings name; None without a key."""
        key = settings.ai_key.get_secret_value()
        if not key:
            return None
        return cls(
            endpoint=Endpoint(
                model=settings.ai_model, key=key, provider=settings.ai_provider, url=settings.ai_url
            ),
            limits=Limits(
                time_s=settings.ai_seconds, requests=settings.ai_requests, tokens=settings.ai_tokens
            ),
            redactor=redactor,
        )

    def within(self, time_s: float | None) -> Self:
        """The same with no more time than this."""
        if time_s is None or time_s >= self.limits.time_s:
            return self
        return replace(self, limits=replace(self.limits, time_s=max(time_s, 0.0)))

    async def opinion(
        self,
        evidence: Evidence,
        findings: Sequence[Finding],
        *,
        looks: Looks,
        offers: Sequence[Offer] = (),
    ) -> Opinion:
        """What the model says, as far as it holds; ends within the limits and raises nothing for what a model does.

        `offers` are the runbooks that the rules would propose here; whatever else it recommends is struck.
        """
        told = await self._asked(evidence, findings, looks, offers)
        return replace(told, looked=tuple(looks.looked))

    async def _asked(
        self, evidence: Evidence, findings: Sequence[Finding], looks: Looks, offers: Sequence[Offer]
    ) -> Opinion:
        model = self.endpoint.model
        if not evidence.items:
            return Opinion(model=model, nothing="nothing was read that it could be asked about")
        if not is_installed():
            return Opinion(model=model, nothing=NOT_INSTALLED)
        asking = await asyncio.to_thread(import_module, "bot.diagnosis.agent.asking")
        gate = asking.gate_of(self.limits)
        try:
            async with asyncio.timeout(self.limits.time_s):
                asked = await asking.ask(
                    self.endpoint,
                    self.limits,
                    instructions=instructions(self.limits.requests),
                    document=document(
                        evidence, findings, offers, redactor=self.redactor, metrics=looks.metrics
                    ),
                    tools=looks.tools(),
                    gate=gate,
                )
        except TimeoutError:
            late = f"it gave no answer within {self.limits.time_s:g} s"
            why = f"{late}: {gate.why}" if gate.why else late
            return Opinion(model=model, nothing=why, requests=gate.requests, tokens=gate.tokens)
        if asked.answer is None:
            return Opinion(model=model, nothing=asked.why, requests=asked.requests, tokens=asked.tokens)
        found = judged(
            asked.answer,
            model=model,
            items=(*evidence.items, *looks.looked),
            offers=offers,
            redactor=self.redactor,
        )
        return replace(found, requests=asked.requests, tokens=asked.tokens)


def is_installed() -> bool:
    """Whether the extra `[ai]` is there; loads nothing of it."""
    return all(find_spec(name) is not None for name in ("pydantic_ai", "openai", "anthropic"))

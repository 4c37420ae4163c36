"""Where a model is asked, and how much one opinion may cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A model and how it is reached."""

    model: str
    key: str = field(repr=False)
    provider: Literal["openai", "anthropic"] = "openai"
    url: str = ""
    """"" is the provider's own address."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one opinion may cost, in all."""

    time_s: float = 60.0
    requests: int = 8
    tokens: int = 100_000
    """Sent and received; every request sends what was said before again."""

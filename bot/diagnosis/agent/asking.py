"""Asks a model through pydantic-ai, which is imported with this module and nowhere else: it costs seconds and memory.

The library does the talking: tools with checked arguments, a typed answer, unknown tools refused, another try where an
answer has the wrong shape. What it is not trusted with is done around it: the way out is a `Gate`, the time is the
caller's, and the answer is judged afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
import pydantic_ai
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai import Agent, RunContext, Tool, ToolOutput
from pydantic_ai.exceptions import AgentRunError, UsageLimitExceeded
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RunUsage, UsageLimits

from bot.diagnosis.agent.answer import Answer
from bot.diagnosis.agent.gate import Gate, Stopped
from bot.diagnosis.agent.limits import Endpoint, Limits

pydantic_ai.BANNER_ENABLED = False  # standard error is ours

OPENAI_URL, ANTHROPIC_URL = "https://api.openai.com/v1", "https://api.anthropic.com"
ANSWER_TOKENS = 8_000
CONNECT_S = 5.0
TRIES = 2
"""How often a tool call or an answer of the wrong shape is sent back."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came of it: an answer, or why there is none."""

    answer: Answer | None
    why: str
    requests: int
    tokens: int


def gate_of(limits: Limits) -> Gate:
    """A way out that is as wide as the limits; one per opinion."""
    inner = httpx2.AsyncHTTPTransport(trust_env=False)
    return Gate(inner=inner, requests_limit=limits.requests, tokens_limit=limits.tokens)


async def ask(
    endpoint: Endpoint,
    limits: Limits,
    *,
    instructions: str,
    document: str,
    tools: Sequence[Callable[..., Awaitable[str]]],
    gate: Gate,
) -> Asked:
    """Put the document before the model and let it look; raises nothing for what the model or its endpoint does."""
    usage = RunUsage()
    gate.counted = lambda: usage.total_tokens
    async with httpx2.AsyncClient(
        transport=gate,
        follow_redirects=False,
        trust_env=False,
        timeout=httpx2.Timeout(limits.time_s, connect=CONNECT_S),
    ) as client:
        agent = Agent(
            _model(endpoint, client),
            output_type=ToolOutput(Answer, name="report"),
            instructions=instructions,
            tools=[Tool(one, prepare=_until_the_last) for one in tools],
            retries={"tools": TRIES, "output": TRIES},
            model_settings={"max_tokens": ANSWER_TOKENS},
        )
        answer, why = None, ""
        try:
            found = await agent.run(
                document,
                usage=usage,
                usage_limits=UsageLimits(request_limit=limits.requests),
            )
            answer = found.output
        except UsageLimitExceeded:
            why = f"it gave no answer within {limits.requests} requests"
        except (AgentRunError, Stopped):
            why = gate.why or "its answers cannot be used"
        except Exception:  # noqa: BLE001 - a stranger's endpoint answered, and its answer is parsed by others
            why = gate.why or "its endpoint answers with something that cannot be read"
    return Asked(answer=answer, why=why, requests=gate.requests, tokens=gate.tokens)


async def _until_the_last(context: RunContext[Any], tool: ToolDefinition) -> ToolDefinition | None:
    """The tools are gone in the last request, so that an answer is all that is left."""
    limit = context.usage_limits.request_limit if context.usage_limits else None
    return tool if limit is None or context.usage.requests < limit - 1 else None


def _model(endpoint: Endpoint, client: httpx2.AsyncClient) -> Model:
    """Nothing is tried again but by the gate, which counts it."""
    if endpoint.provider == "anthropic":
        anthropic = AsyncAnthropic(
            api_key=endpoint.key, base_url=endpoint.url or ANTHROPIC_URL, http_client=client, max_retries=0
        )
        return AnthropicModel(endpoint.model, provider=AnthropicProvider(anthropic_client=anthropic))
    url = endpoint.url or OPENAI_URL
    openai = AsyncOpenAI(api_key=endpoint.key, base_url=url, http_client=client, max_retries=0)
    is_own = url.startswith("https://api.openai.com/")
    provider = (
        OpenAIProvider(openai_client=openai)
        if is_own
        else OpenAICompatibleProvider("configured", openai_client=openai)
    )
    return OpenAIChatModel(endpoint.model, provider=provider)

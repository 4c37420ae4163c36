"""An OpenAI-compatible endpoint on this machine that plays a script, and remembers all that it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer of the endpoint: calls of tools, words, or something that is no answer at all."""

    calls: tuple[tuple[str, Json | str], ...] = ()
    """Tools with their arguments; a string stands for arguments that are no JSON."""
    text: str = ""
    status: int = 200
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    is_silent: bool = False
    tokens: int | None = 3_000
    """What it says that was used, in all; None leaves that out."""


def report(**told: Any) -> Reply:
    """The final answer as a model hands it over."""
    return Reply(calls=(("report", {"summary": "it is out of memory", **told}),))


def calls(tool: str, **arguments: Any) -> Reply:
    """One look."""
    return Reply(calls=((tool, arguments),))


Script = Sequence[Reply] | Callable[[Json, int], Reply]
"""The replies in order, the last of them for ever; or a function of what was asked and how many came before."""


@dataclass(kw_only=True)
class ModelServer:
    """Serves `POST /v1/chat/completions` and Anthropic's `POST /v1/messages`. Use it as `async with`."""

    script: Script
    requests: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    port: int = 0
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sent(self) -> str:
        """Everything that reached it, as text: bodies, headers, paths."""
        return json.dumps([self.requests, self.headers, self.paths], ensure_ascii=False)

    @property
    def answers_of_tools(self) -> list[str]:
        """What the tools said, as the last request carries it."""
        last = self.requests[-1]["messages"]
        return [one["content"] for one in last if one["role"] == "tool"]

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        number = len(self.requests)
        self.requests.append(asked)
        self.headers.append(dict(request.headers))
        self.paths.append(request.path)
        self.was_asked.set()
        reply = self._reply(asked, number)
        if reply.is_silent:
            await self._ended.wait()
        if reply.raw is not None:
            return web.Response(
                status=reply.status,
                body=reply.raw,
                headers={"Content-Type": "application/json", **reply.headers},
            )
        if reply.status != 200:
            problem = {"error": {"message": "no", "type": "problem"}}
            return web.json_response(problem, status=reply.status, headers=reply.headers)
        is_anthropic = request.path.endswith("/messages")
        return web.json_response((_as_anthropic if is_anthropic else _as_openai)(reply, number))

    def _reply(self, asked: Json, number: int) -> Reply:
        if callable(self.script):
            return self.script(asked, number)
        return self.script[min(number, len(self.script) - 1)]


def _as_openai(reply: Reply, number: int) -> Json:
    asked = [
        {
            "id": f"call-{number}-{place}",
            "type": "function",
            "function": {"name": name, "arguments": told if isinstance(told, str) else json.dumps(told)},
        }
        for place, (name, told) in enumerate(reply.calls)
    ]
    message: Json = {"role": "assistant", "content": reply.text or None}
    if asked:
        message["tool_calls"] = asked
    answer: Json = {
        "id": f"answer-{number}",
        "object": "chat.completion",
        "created": 1,
        "model": "played",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if asked else "stop"}],
    }
    if reply.tokens is not None:
        answer["usage"] = {
            "prompt_tokens": reply.tokens - 1,
            "completion_tokens": 1,
            "total_tokens": reply.tokens,
        }
    return answer


def _as_anthropic(reply: Reply, number: int) -> Json:
    parts: list[Json] = [{"type": "text", "text": reply.text}] if reply.text else []
    parts += [
        {"type": "tool_use", "id": f"call-{number}-{place}", "name": name, "input": told}
        for place, (name, told) in enumerate(reply.calls)
    ]
    return {
        "id": f"answer-{number}",
        "type": "message",
        "role": "assistant",
        "model": "played",
        "content": parts,
        "stop_reason": "tool_use" if reply.calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": (reply.tokens or 1) - 1, "output_tokens": 1},
    }

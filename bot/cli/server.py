"""The running bot as commands see it: its API, called with a token; what it refuses becomes an error of ours.

A command that changes something never writes the journal itself: the bot does, under the same rules as for a click.
The token goes over TLS or stays on this machine, and never follows a redirect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from bot.errors import BadInput, BotError

if TYPE_CHECKING:
    import aiohttp

TIMEOUT_S = 75.0
"""A plan reads the state of every step, each for at most a minute."""
TRIES = 3
MOST_WORDS = 300

T = TypeVar("T")
_F = TypeVar("_F", bound=Callable[..., Any])


class NotAnswered(BotError):
    """Nobody answers there, or it is not the bot."""

    code = "not-answered"


class Refusal(BotError):
    """The bot said no; the words are its own."""

    code = "refused"

    def __init__(self, message: str, *, hint: str, code: str, status: int) -> None:
        super().__init__(message, hint=hint, code=code)
        self.status = status


def server_options(command: _F) -> _F:
    """`--url` and `--token`; the command gets `url` and `token`."""
    url = click.option(
        "--url",
        envvar="RUNBOOKCTL_URL",
        show_envvar=True,
        default="http://127.0.0.1:8080",
        show_default=True,
        help="Where the bot listens.",
    )
    token = click.option(
        "--token",
        envvar="RUNBOOKCTL_TOKEN",
        show_envvar=True,
        default="",
        help="What lets you in; `runbookctl token` mints one for trying. Better set than typed: others see your words.",
    )
    return url(token(command))


@dataclass(frozen=True, kw_only=True)
class Server:
    """The bot behind one URL, for the time of one command."""

    url: str
    token: str = field(repr=False)
    session: aiohttp.ClientSession = field(repr=False)

    async def call(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and answer; `Refusal` with the bot's own words, `NotAnswered` where nobody or somebody else is.

        A connection that breaks is tried again: reading changes nothing, and whatever changes something carries a key
        or may be done twice.
        """
        import aiohttp

        for left in reversed(range(TRIES)):
            try:
                return await self._once(method, path, body=body, headers=headers or {})
            except (aiohttp.ClientConnectionError, TimeoutError) as error:
                if not left:
                    raise NotAnswered(
                        f"nobody answers at {self.url}", hint="is the bot running there? say where with --url"
                    ) from error
        raise AssertionError("unreachable")

    async def _once(
        self, method: str, path: str, *, body: Any, headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        import aiohttp

        sent = {"Authorization": f"Bearer {self.token}", **headers}
        more = {} if body is None else {"json": body}
        async with self.session.request(
            method, f"{self.url}{path}", headers=sent, allow_redirects=False, **more
        ) as answer:
            try:
                told = await answer.json()
            except (ValueError, aiohttp.ContentTypeError) as error:
                raise _not_ours(self.url, answer.status) from error
            if answer.status < 300 and isinstance(told, dict):
                return answer.status, told
            raise _refusal(told, self.url, answer.status)


def _refusal(told: Any, url: str, status: int) -> BotError:
    said = told.get("error") if isinstance(told, dict) else None
    if not isinstance(said, dict):
        return _not_ours(url, status)
    words = {name: str(said.get(name, ""))[:MOST_WORDS] for name in ("message", "hint", "code")}
    return Refusal(words["message"], hint=words["hint"], code=words["code"] or "refused", status=status)


def _not_ours(url: str, status: int) -> NotAnswered:
    return NotAnswered(
        f"what answers at {url} is not the bot (status {status})", hint="say where it is with --url"
    )


def asking(url: str, token: str, work: Callable[[Server], Awaitable[T]]) -> T:
    """Do this work with the bot at this URL; raises `BotError` with what to do next."""
    import asyncio

    import aiohttp

    where = _checked(url)
    if not token:
        raise BadInput(
            "this needs a token",
            hint="export RUNBOOKCTL_TOKEN=$(runbookctl token --role operator --all-teams)",
        )
    if not token.isascii() or not token.isprintable():
        raise BadInput("the token holds letters that no token has", hint="give it bare, as it was printed")

    async def performed() -> T:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            return await work(Server(url=where, token=token, session=session))

    return asyncio.run(performed())


def _checked(url: str) -> str:
    from bot.settings.values import is_loopback

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadInput(f"{url!r} is no URL", hint="it looks like https://bot.example.com") from error
    if (
        parts.scheme not in ("http", "https")
        or not host
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
    ):
        raise BadInput(f"{url!r} is no plain http(s) URL", hint="it looks like https://bot.example.com")
    if parts.scheme == "http" and not is_loopback(host):
        raise BadInput(f"{url!r} would carry the token in the clear", hint="use https")
    return url.rstrip("/")

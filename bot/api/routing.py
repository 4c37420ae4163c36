"""A route: one declaration that is address, door, checks and documentation at once.

    @route("POST", "/api/v1/runs/{run_id}/cancel", summary="Stop a run", role=OPERATOR, body=Cancel,
           answers=(Returns(200, RunOut, "the run as it is now"),), refuses=(404, 409))
    async def cancel(doors: Doors, ask: Ask[Cancel, Nothing]) -> Answer: ...

Whatever is declared is enforced before the handler is called, in this order: who calls (401), do they ask too often
(429), may they (403), did
another site send it (403), is the body JSON of the declared shape (400, 413, 415), are the query's names and values
known (400). So a handler only ever sees an authorised caller and typed values, and a route cannot be documented in one
way and behave in another. Which *objects* a caller may see is the handler's question, for only it knows the object.

Nothing here reads a cookie, so a page of another site has nothing to borrow; that its requests are refused as well is
the second lock.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast
from urllib.parse import urlsplit

from aiohttp import web
from multidict import CIMultiDictProxy
from pydantic import BaseModel, ConfigDict, RootModel, TypeAdapter, ValidationError

from bot.api.auth import ApiCaller, Unauthenticated
from bot.api.body import raw_body
from bot.api.doors import Doors
from bot.api.errors import HEADERS, Handler, UnsupportedMedia, answering
from bot.errors import BadInput, NotFound, NotPermitted
from bot.intake.foreign import line, load_object

Entry = Literal["bearer", "open", "pagerduty", "alertmanager"]
B = TypeVar("B", bound=BaseModel)
Q = TypeVar("Q", bound=BaseModel)
T = TypeVar("T")

NAME_LIMIT = 200
MOST_WRONG = 20

_PLACE = re.compile(r"\{(\w+)\}")


class Strict(BaseModel):
    """The base of every body and query: nothing unknown is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(Strict):
    """No body, no query."""


class OneOf(RootModel[T]):
    """The base of a body that may be one of several shapes, told apart by its `kind`."""

    model_config = ConfigDict(frozen=True)
    kinds: ClassVar[Mapping[str, type[BaseModel]]]


@dataclass(frozen=True, kw_only=True)
class Ask(Generic[B, Q]):
    """A request after every check: who, where in the path, and what, typed."""

    body: B
    query: Q
    path: Mapping[str, str]
    raw: bytes
    """The body as it came, for what is signed or kept."""
    headers: CIMultiDictProxy[str]
    _caller: ApiCaller | None = None

    @property
    def caller(self) -> ApiCaller:
        """Who calls; only routes that let nobody in without a token ask."""
        assert self._caller is not None
        return self._caller


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is answered: a value in one of the declared shapes, or text of a declared media type."""

    status: int = 200
    content: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Returns:
    """One answer that a route may give."""

    status: int
    shape: Any
    """A type whose JSON it is; `str` for text."""
    what: str
    media_type: str = "application/json"


@dataclass(frozen=True, kw_only=True)
class Route:
    """One address and method with everything said about it."""

    method: Literal["GET", "POST"]
    path: str
    name: str
    summary: str
    what: str
    section: str
    entry: Entry
    role: str
    body: type[BaseModel]
    looks: type[BaseModel]
    """What a webhook's body looks like; its own reader checks it, after the sender is known."""
    query: type[BaseModel]
    answers: Sequence[Returns]
    refuses: Sequence[int]
    takes: Mapping[str, str]
    """Request headers with a meaning of their own, and what it is."""
    handler: Callable[[Doors, Ask[Any, Any]], Awaitable[Answer]]

    @property
    def places(self) -> tuple[str, ...]:
        """Names in the path that stand for something."""
        return tuple(_PLACE.findall(self.path))

    @property
    def takes_json(self) -> bool:
        """Whether a JSON body of a declared shape is wanted."""
        return self.body is not Nothing and self.entry == "bearer"


RouteHandler = Callable[[Doors, Ask[B, Q]], Awaitable[Answer]]


def route(
    method: Literal["GET", "POST"],
    path: str,
    *,
    summary: str,
    section: str,
    answers: Sequence[Returns],
    entry: Entry = "bearer",
    role: str = "",
    body: type[B] = Nothing,  # type: ignore[assignment]  # the default of a type variable
    query: type[Q] = Nothing,  # type: ignore[assignment]  # the default of a type variable
    looks: type[BaseModel] = Nothing,
    refuses: Sequence[int] = (),
    takes: Mapping[str, str] | None = None,
) -> Callable[[RouteHandler[B, Q]], Route]:
    """Declare a route; what the handler's docstring says is its description."""

    def declare(handler: RouteHandler[B, Q]) -> Route:
        assert (entry == "bearer") == bool(role), f"{path}: a bearer route names its role, and no other does"
        return Route(
            method=method,
            path=path,
            name=handler.__name__,
            summary=summary,
            what="\n\n".join(
                " ".join(part.split()) for part in cleandoc(handler.__doc__ or "").split("\n\n")
            ),
            section=section,
            entry=entry,
            role=role,
            body=body,
            looks=body if looks is Nothing else looks,
            query=query,
            answers=answers,
            refuses=refuses,
            takes=takes or {},
            handler=cast(Callable[[Doors, Ask[Any, Any]], Awaitable[Answer]], handler),
        )

    return declare


def served(one: Route, doors: Doors) -> Handler:
    """The route as aiohttp wants it, answering its own errors."""
    adapters = {(one_.status, one_.media_type): TypeAdapter(one_.shape) for one_ in one.answers}
    media = {one_.status: one_.media_type for one_ in one.answers}

    async def serve(request: web.Request) -> web.StreamResponse:
        answer = await one.handler(doors, await _ask(one, doors, request))
        media_type = media[answer.status]
        if media_type == "application/json":
            adapter = adapters[answer.status, media_type]
            return web.Response(
                body=adapter.dump_json(answer.content),
                status=answer.status,
                content_type=media_type,
                headers={**HEADERS, **answer.headers},
            )
        return web.Response(
            text=answer.content,
            status=answer.status,
            content_type=media_type,
            charset="utf-8",
            headers={**HEADERS, **answer.headers},
        )

    return answering(serve, new_reference=doors.new_reference)


async def _ask(one: Route, doors: Doors, request: web.Request) -> Ask[Any, Any]:
    caller = await _caller(one, doors, request) if one.entry == "bearer" else None
    if one.method == "POST":
        _refuse_another_site(request)
    if one.takes_json and request.content_type != "application/json":
        raise UnsupportedMedia(
            f"a body of type {line(request.content_type, limit=60)!r} is not taken here",
            hint="send JSON with `Content-Type: application/json`",
        )
    raw = await raw_body(request) if one.method == "POST" else b""
    return Ask(
        body=read_json(one.body, raw) if one.takes_json else Nothing(),
        query=_query(one, request),
        path=_path(request),
        raw=raw,
        headers=request.headers,
        _caller=caller,
    )


async def _caller(one: Route, doors: Doors, request: web.Request) -> ApiCaller:
    if doors.tokens is None:
        raise Unauthenticated(
            "no token is accepted here yet", hint="set BOT_JWT_SECRET or BOT_JWT_JWKS_URL to take tokens"
        )
    given = request.headers.getall("Authorization", [])
    caller = await doors.tokens.caller(given[0] if len(given) == 1 else "", now=doors.now())
    doors.pace.take((caller.issuer, caller.subject), now=doors.now())
    caller.require(one.role)
    return caller


def _refuse_another_site(request: web.Request) -> None:
    """Browsers say where a request comes from, and no page can make them say otherwise."""
    origin = request.headers.get("Origin")
    from_outside = request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
    if from_outside or (origin is not None and urlsplit(origin).netloc != request.host):
        raise NotPermitted(
            "a page of another site sent this, so nothing was done",
            hint="call from a program, not from a page",
        )


def _path(request: web.Request) -> Mapping[str, str]:
    for value in request.match_info.values():
        if not 0 < len(value) <= NAME_LIMIT or not value.isprintable():
            raise NotFound("there is nothing of that name")
    return dict(request.match_info)


def _query(one: Route, request: web.Request) -> BaseModel:
    if one.entry != "bearer":
        return Nothing()
    given = request.query
    twice = sorted({name for name in given if len(given.getall(name)) > 1})
    if twice:
        raise BadInput(f"`{line(twice[0], limit=60)}` stands twice in the query", hint="give each name once")
    try:
        return one.query.model_validate(dict(given))
    except ValidationError as error:
        raise BadInput(f"the query does not fit: {wrong(error)}", hint=_known(one.query)) from error


def read_json(shape: type[B], raw: bytes) -> B:
    """The body in its shape; `BadInput` names every field that does not fit and never repeats what it held."""
    load_object(raw)  # the model's own parser takes a key twice and keeps the last
    try:
        return shape.model_validate_json(raw, strict=True)
    except ValidationError as error:
        if not issubclass(shape, OneOf):
            raise BadInput(f"the body does not fit: {wrong(error)}", hint=_known(shape)) from error
        # pydantic begins each place with the kind it took the body for; where it took it for none, there is no place
        kind = next((str(one["loc"][0]) for one in error.errors() if one["loc"]), "")
        hint = _known(shape.kinds[kind]) if kind else ""
        raise BadInput(f"the body does not fit: {wrong(error, skip=1)}", hint=hint) from error


def wrong(error: ValidationError, *, skip: int = 0) -> str:
    """What does not fit, field by field, without the values; `skip` parts of each place are not the sender's words."""
    found = {
        f"`{line('.'.join(str(part) for part in one['loc'][skip:]), limit=60) or 'body'}`: {_said(one['msg'])}"
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    }
    return "; ".join(sorted(found)[:MOST_WRONG])


def _said(message: str) -> str:
    return message.removeprefix("Value error, ").lower()


def _known(shape: type[BaseModel]) -> str:
    fields = [(one.alias or name, one.is_required()) for name, one in shape.model_fields.items()]
    required = [name for name, is_required in fields if is_required]
    optional = [name for name, is_required in fields if not is_required]
    parts = [
        f"{word} {'is' if len(names) == 1 else 'are'} {', '.join(names)}"
        for word, names in (("required", required), ("optional", optional))
        if names
    ]
    return "; ".join(parts) or "nothing is taken here"

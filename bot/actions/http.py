"""The `http` step: one request to a listed host, and what its answer, or the lack of one, means.

    answer as expected                 succeeded; applied for a write, none for a read
    4xx                                failed, none: the server refused it
    another 2xx than asked for         failed, applied: the server did something, though not what was expected
    5xx, no answer, half an answer     unknown for a write; failed, none for a read
    could not connect, not allowed     failed, none: nothing was sent

GET, HEAD and OPTIONS count as reads and change nothing.

Secrets stand as `$NAME` in the plan, which is shown, hashed and stored; values take their place only in the
request being sent, and only to hosts that the secret names. A dollar sign that came from a value is `$$` there,
so no value can spell a secret (see `catalog.secret_names`).

Redirects are followed only to listed hosts of the same environment, at most five times. A write that would be
repeated elsewhere (307, 308) stays on the host that was approved. Across hosts every header that carries a
secret, a login or a cookie stays behind. What was written and then answered with a redirect that leads nowhere
is unknown: most servers redirect after they have done the work, some before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote, urljoin

from pydantic import AfterValidator, Field, JsonValue

from bot.actions.base import (
    ActionInput,
    InputModel,
    Outcome,
    Plan,
    PlanScope,
    Progress,
    Seen,
    Undo,
)
from bot.actions.tools import Tools
from bot.actions.urls import Place as UrlPlace
from bot.actions.urls import check_secret, listed, place_of, url_target
from bot.catalog import secret_names
from bot.catalog.schema import Catalog
from bot.catalog.templating import Place
from bot.clients.http import Answer, Wire
from bot.errors import ActionError, ActionFailed, ActionUnknown, BadInput, Refused

Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
Status = Annotated[int, Field(ge=200, le=599)]

READS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_REDIRECTS = 5

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"}
)
_STAYS_BEHIND = frozenset({"authorization", "cookie", "proxy-authorization"})
_URL_SAFE = "%:/?#[]@!$&'()*+,;=-._~"


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    seen = set()
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no header name")
        if name.lower() in _OURS or name.lower().startswith("proxy-"):
            raise ValueError(f"the header {name!r} is set by the connection itself; leave it out")
        if name.lower() in seen:
            raise ValueError(f"the header {name!r} stands there twice")
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
            raise ValueError(f"the header {name!r} holds a line break or control character")
        seen.add(name.lower())
    return headers


class HttpInput(ActionInput):
    """One request to a host that catalog.yaml lists under `urls`."""

    method: Method = Field(default="GET", description="GET, HEAD and OPTIONS count as reads")
    url: Annotated[str, Place.URL, Field(min_length=1, max_length=8192)] = Field(
        description="https address; host and port written out and listed in catalog.yaml"
    )
    headers: Annotated[
        dict[str, Annotated[str, Place.HEADER]], Place.HEADER, AfterValidator(_check_headers)
    ] = Field(default_factory=dict, description="May name secrets: `Authorization: Bearer $TOKEN`")
    body: Annotated[JsonValue, Place.BODY] = Field(
        default=None, description="A mapping or list sent as JSON, or a text sent as it is"
    )
    expect_status: tuple[Status, ...] | Status | None = Field(
        default=None, description="Which answers are a success; any 2xx when left out"
    )


@dataclass(frozen=True, kw_only=True)
class _Hop:
    """One request of a chain: where it goes and what it carries, secrets still by name."""

    method: str
    url: str
    """Ready to send: its secrets are filled in, or it came from a server and is never scanned."""
    place: UrlPlace
    headers: Mapping[str, str]
    body: JsonValue = None


class HttpAction:
    """Sends what the plan shows to a host the catalog lists."""

    type: ClassVar[str] = "http"
    Input: ClassVar[InputModel] = HttpInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        """Checks host and secrets against the catalog; nothing is resolved or sent."""
        place = place_of(given.url)
        entry = listed(place, scope.catalog)
        for name in _secrets_of(given):
            check_secret(name, place, scope.catalog)
            try:
                self._tools.secret(name)
            except KeyError as error:
                raise BadInput(
                    f"${name} has no value in the bot's environment", hint=f"set {name}"
                ) from error
        is_read = given.method in READS
        return Plan(
            type=self.type,
            input=given.model_dump(mode="json", exclude_none=True),
            targets=(url_target(place, entry),),
            text=f"{given.method} {place.name}",
            will_run=(as_shown(given),),
            shown={"success": _wanted(given.expect_status)},
            observable=False,
            changes=not is_read,
            undo=Undo(
                text="it only reads" if is_read else "what the other side did is not undone by the bot"
            ),
            risk=scope.risk or ("low" if is_read else "medium"),
            timeout_s=scope.timeout_s,
        )

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:
        """Sends it once."""
        given = HttpInput.model_validate(plan.input)
        is_read = given.method in READS
        try:
            return await self._follow(given, plan, progress)
        except ActionUnknown as error:
            if not is_read:
                raise
            raise ActionFailed(error.message, effect="none", output=error.output, hint=error.hint) from error

    async def dry_run(self, plan: Plan) -> Outcome:
        """Resolves and checks the address; sends nothing."""
        given = HttpInput.model_validate(plan.input)
        hop = self._first_hop(given, plan, self._tools.catalog())
        entry = listed(hop.place, self._tools.catalog())
        await self._tools.http().check(hop.place.host, hop.place.port, allow_private=entry.allow_private)
        return Outcome(
            verdict="succeeded", effect="none", summary=f"would send {plan.text}; nothing was sent"
        )

    async def probe(self, plan: Plan) -> Seen:
        """What the request did is the other side's to say."""
        return Seen(
            text=f"nothing can be read from here: ask {plan.targets[0].name} whether it acted on {plan.will_run[0]!r}",
            observable=False,
        )

    # ------------------------------------------------------------ sending

    async def _follow(self, given: HttpInput, plan: Plan, progress: Progress) -> Outcome:
        catalog = self._tools.catalog()
        hop = self._first_hop(given, plan, catalog)
        has_written = False
        for _ in range(MAX_REDIRECTS + 1):
            try:
                answer = await self._send(hop, catalog, plan, progress)
            except ActionError as error:
                if has_written:
                    raise ActionUnknown(
                        f"it was sent and answered by a redirect, then: {error.message}"
                    ) from error
                raise
            progress.note(f"{hop.place.name} answered {answer.status} {answer.reason}".rstrip())
            has_written = has_written or hop.method not in READS
            onward = self._onward(hop, answer, given, plan, catalog)
            if onward is None:
                return self._outcome(hop, answer, given, has_written=has_written)
            hop = onward
        message = f"{given.method} was redirected more than {MAX_REDIRECTS} times"
        if has_written:
            raise ActionUnknown(message)
        raise ActionFailed(message, effect="none")

    def _first_hop(self, given: HttpInput, plan: Plan, catalog: Catalog) -> _Hop:
        try:
            place = place_of(given.url)
            if url_target(place, listed(place, catalog)) != plan.targets[0]:
                raise BadInput(f"{place.name} belongs to another environment by now")
        except Refused as error:
            raise ActionFailed(f"{error.message}; nothing was sent", hint=error.hint) from error
        url = secret_names.fill(given.url, lambda name: quote(self._secret(name, place, catalog), safe=""))
        return _Hop(
            method=given.method,
            url=quote(url.split("#")[0], safe=_URL_SAFE),
            place=place,
            headers=given.headers,
            body=given.body,
        )

    async def _send(self, hop: _Hop, catalog: Catalog, plan: Plan, progress: Progress) -> Answer:
        def value(name: str) -> str:
            return self._secret(name, hop.place, catalog)

        headers = {name: secret_names.fill(text, value) for name, text in hop.headers.items()}
        try:
            _check_headers(headers)
        except ValueError as error:
            raise ActionFailed("a secret's value cannot stand in a header; nothing was sent") from error
        body = _body_bytes(hop.body, headers, value)
        wire = Wire(
            method=hop.method,
            url=hop.url,
            host=hop.place.host,
            port=hop.place.port,
            headers=headers,
            body=body,
        )
        return await self._tools.http().send(
            wire,
            allow_private=listed(hop.place, catalog).allow_private,
            timeout_s=plan.timeout_s,
            stop=progress.stop,
        )

    def _secret(self, name: str, place: UrlPlace, catalog: Catalog) -> str:
        """A secret's value for this place; asked at the moment of sending, by the rules of that moment."""
        try:
            check_secret(name, place, catalog)
            return self._tools.secret(name)
        except Refused as error:
            raise ActionFailed(f"{error.message}; nothing was sent", hint=error.hint) from error
        except KeyError as error:
            raise ActionFailed(f"${name} has no value in the bot's environment; nothing was sent") from error

    # ------------------------------------------------------------ what an answer means

    def _onward(
        self, hop: _Hop, answer: Answer, given: HttpInput, plan: Plan, catalog: Catalog
    ) -> _Hop | None:
        """The next request of the chain, or None where it ends."""
        if answer.status not in (301, 302, 303, 307, 308) or not answer.location:
            return None
        if given.expect_status is not None and _is_wanted(answer.status, given.expect_status):
            return None
        url = quote(urljoin(hop.url, answer.location).split("#")[0], safe=_URL_SAFE)
        try:
            place = place_of(url)
            environment = listed(place, catalog).environment
        except Refused:
            return None
        becomes_get = answer.status == 303 or (answer.status in (301, 302) and hop.method == "POST")
        method = "GET" if becomes_get and hop.method != "HEAD" else hop.method
        is_same = (place.scheme, place.name) == (hop.place.scheme, hop.place.name)
        if environment != plan.targets[0].environment or (method not in READS and not is_same):
            return None
        return _Hop(
            method=method,
            url=url,
            place=place,
            headers=hop.headers if is_same else _without_logins(hop.headers),
            body=hop.body if method == hop.method and is_same else None,
        )

    def _outcome(self, hop: _Hop, answer: Answer, given: HttpInput, *, has_written: bool) -> Outcome:
        said = f"{answer.status} {answer.reason}".rstrip()
        if _is_wanted(answer.status, given.expect_status):
            effect: Literal["applied", "none"] = "applied" if has_written else "none"
            return Outcome(
                verdict="succeeded",
                effect=effect,
                summary=f"{hop.place.name} answered {said}",
                output=answer.text,
            )
        summary = f"{hop.place.name} answered {said}, wanted {_wanted(given.expect_status)}"
        is_last_write = hop.method not in READS
        if not has_written or (is_last_write and (400 <= answer.status < 500 or answer.status in (307, 308))):
            return Outcome(verdict="failed", effect="none", summary=summary, output=answer.text)
        if is_last_write and answer.status < 300:
            return Outcome(verdict="failed", effect="applied", summary=summary, output=answer.text)
        raise ActionUnknown(f"{summary}; whether it was done is not known", output=answer.text)


def as_shown(given: HttpInput) -> str:
    """The request as a person reads it: secrets by name, dollars of values as plain dollars."""

    def name_only(name: str) -> str:
        return f"${name}"

    lines = [f"{given.method} {secret_names.fill(given.url, name_only)}"]
    lines += [f"{name}: {secret_names.fill(text, name_only)}" for name, text in given.headers.items()]
    if given.body is not None:
        body = secret_names.fill_tree(given.body, name_only)
        lines += ["", body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)]
    return "\n".join(lines)


def _secrets_of(given: HttpInput) -> list[str]:
    texts = [given.url, *given.headers.values(), *_texts(given.body)]
    return sorted({name for text in texts for name in secret_names.names_in(text)})


def _texts(tree: Any) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [text for child in children for text in _texts(child)]


def _body_bytes(body: JsonValue, headers: dict[str, str], value: Any) -> bytes | None:
    """The body on the wire; a missing Content-Type is added to `headers`."""
    if body is None:
        return None
    has_type = any(name.lower() == "content-type" for name in headers)
    filled = secret_names.fill_tree(body, value)
    if isinstance(filled, str):
        if not has_type:
            headers["Content-Type"] = "text/plain; charset=utf-8"
        return filled.encode()
    if not has_type:
        headers["Content-Type"] = "application/json"
    return json.dumps(filled, ensure_ascii=False).encode()


def _without_logins(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: text
        for name, text in headers.items()
        if name.lower() not in _STAYS_BEHIND and not secret_names.names_in(text)
    }


def _is_wanted(status: int, wanted: tuple[int, ...] | int | None) -> bool:
    if wanted is None or wanted == ():
        return 200 <= status < 300
    return status in ((wanted,) if isinstance(wanted, int) else wanted)


def _wanted(wanted: tuple[int, ...] | int | None) -> str:
    if wanted is None or wanted == ():
        return "any 2xx"
    return str(wanted) if isinstance(wanted, int) else " or ".join(str(one) for one in wanted)

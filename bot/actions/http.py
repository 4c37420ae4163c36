"""The `http` step's input; see the class below."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, JsonValue

from bot.actions.base import ActionInput
from bot.actions.tools import Tools
from bot.catalog.templating import Place

Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
Status = Annotated[int, Field(ge=200, le=599)]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"}
)


def _check_header_names(headers: dict[str, str]) -> dict[str, str]:
    seen = set()
    for name in headers:
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no header name")
        if name.lower() in _OURS or name.lower().startswith("proxy-"):
            raise ValueError(f"the header {name!r} is set by the connection itself; leave it out")
        if name.lower() in seen:
            raise ValueError(f"the header {name!r} stands there twice")
        seen.add(name.lower())
    return headers


class HttpInput(ActionInput):
    """One request to a host that catalog.yaml lists under `urls`."""

    method: Method = Field(default="GET", description="GET, HEAD and OPTIONS count as reads")
    url: Annotated[str, Place.URL, Field(min_length=1, max_length=8192)] = Field(
        description="https address; host and port written out and listed in catalog.yaml"
    )
    headers: Annotated[dict[str, Annotated[str, Place.HEADER]], Place.HEADER, AfterValidator(_check_header_names)] = (
        Field(default_factory=dict, description="May name secrets: `Authorization: Bearer $TOKEN`")
    )
    body: Annotated[JsonValue, Place.BODY] = Field(
        default=None, description="A mapping or list sent as JSON, or a text sent as it is"
    )
    expect_status: tuple[Status, ...] | Status | None = Field(
        default=None, description="Which answers are a success; any 2xx when left out"
    )


class HttpAction:
    """Under construction in this commit: only its input is known."""

    type: ClassVar[str] = "http"
    Input: ClassVar[type[ActionInput]] = HttpInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

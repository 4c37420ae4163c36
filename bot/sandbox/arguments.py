"""The arguments of one Web API call, however they came: query, form or JSON, with JSON inside forms."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from aiohttp import web

from bot.sandbox.protocol import Json, SlackError

T = TypeVar("T")
_JSON_FIELDS = ("blocks", "attachments", "metadata", "view", "files")


async def read(request: web.Request) -> tuple[Json, str]:
    """The arguments and the token; raises `invalid_json`, `json_not_object`, `invalid_form_data`."""
    given: Json = dict(request.query)
    if request.method == "POST" and request.can_read_body:
        if request.content_type == "application/json":
            given |= _decoded(await request.read())
        else:
            try:
                given |= {
                    key: value for key, value in (await request.post()).items() if isinstance(value, str)
                }
            except ValueError:
                raise SlackError("invalid_form_data") from None
    token = given.pop("token", None)
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        token = bearer.strip()
    return given, str(token or "")


def _decoded(body: bytes) -> Json:
    try:
        value = json.loads(body)
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(value, dict):
        raise SlackError("json_not_object")
    return value


class Args:
    """Arguments with the types Slack reads them as; null and absent are the same."""

    def __init__(self, given: Json) -> None:
        self.given = {key: value for key, value in given.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def text(self, name: str, default: str = "") -> str:
        """A string; numbers are taken as they are written."""
        value = self.given.get(name, default)
        return (
            value
            if isinstance(value, str)
            else json.dumps(value)
            if isinstance(value, dict | list)
            else str(value)
        )

    def need(self, *names: str) -> str:
        """The first of these that is given; raises `invalid_arguments`."""
        for name in names:
            if value := self.text(name):
                return value
        raise SlackError("invalid_arguments", f"missing required field: {names[0]}")

    def flag(self, name: str) -> bool:
        """`true`, `1` or JSON's true."""
        return self.text(name).lower() in ("true", "1")

    def words(self, name: str) -> list[str]:
        """A comma-separated list, or a JSON one."""
        value = self.given.get(name, "")
        parts = value if isinstance(value, list) else str(value).split(",")
        return [str(part).strip() for part in parts if str(part).strip()]

    def whole(self, name: str, default: int, *, most: int) -> int:
        """A number from 1 to `most`, more is cut; raises `invalid_limit`."""
        try:
            value = int(self.text(name) or default)
        except ValueError:
            raise SlackError("invalid_limit") from None
        if value < 1:
            raise SlackError("invalid_limit")
        return min(value, most)

    def value(self, name: str) -> Any:
        """JSON, also when it came as a string, as in forms; a string that is none raises `invalid_arguments`."""
        value = self.given.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            error = {"blocks": "invalid_blocks_format", "metadata": "invalid_metadata_format"}
            raise SlackError(error.get(name, "invalid_arguments"), f"{name} is not JSON") from None

    def shown(self) -> Json:
        """For the call log: JSON decoded, so that forms and JSON look alike."""
        shown = dict(self.given)
        for name in _JSON_FIELDS:
            if isinstance(shown.get(name), str):
                try:
                    shown[name] = json.loads(shown[name])
                except ValueError:
                    continue
        return shown


def page_of(
    items: Sequence[T], args: Args, *, key: Callable[[T], str], default: int = 100, most: int = 1000
) -> tuple[list[T], str]:
    """One page of `items` and the cursor of the next, empty at the end; raises `invalid_cursor`.

    A cursor names the item the next page starts with, so that what was added meanwhile shifts nothing.
    """
    limit = args.whole("limit", default, most=most)
    start = 0
    if cursor := args.text("cursor"):
        try:
            wanted = base64.b64decode(cursor, validate=True).decode().removeprefix("next:")
        except (binascii.Error, UnicodeDecodeError):
            raise SlackError("invalid_cursor") from None
        start = next((at for at, item in enumerate(items) if key(item) == wanted), -1)
        if start < 0:
            raise SlackError("invalid_cursor")
    end = start + limit
    following = base64.b64encode(f"next:{key(items[end])}".encode()).decode() if end < len(items) else ""
    return list(items[start:end]), following

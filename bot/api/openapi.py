"""The description of the API (OpenAPI 3.1), made from the routes: what is enforced is what is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from bot.api.routing import Nothing, Returns, Route
from bot.api.shapes import Error

Json = dict[str, Any]

API_VERSION = "1.0.0"
"""Of the API, not of the program: what is under `/api/v1` is only added to."""

REF = "#/components/schemas/{model}"
ALWAYS = {"open": (), "pagerduty": (503,), "alertmanager": (503,), "bearer": (400, 401, 403, 429, 503)}
WORDS = {
    400: "the request does not fit; the message names every field",
    401: "nobody knows who is calling",
    403: "this caller may not do this here",
    404: "there is no such thing for this caller",
    409: "somebody was first, it is no longer what it was, or the key stands for another request",
    410: "the time to decide has passed",
    413: "the body is larger than a mebibyte",
    415: "the body is not JSON",
    422: "the rules said no",
    429: "this caller asks too often; ask again after `Retry-After` seconds",
    503: "the journal cannot take it now; send it again after `Retry-After` seconds",
}
ABOUT = (
    "Start, steer and read runbooks from programs. Starting approves nothing: every step that asks for people is "
    "decided by people in Slack.\n\n"
    "**Tokens** are JSON Web Tokens with `iss`, `aud`, `exp`, `sub`, `roles` (`viewer` reads, `operator` starts and "
    'cancels, `approver` decides) and `teams` (whose objects it sees; `["*"]` for all). '
    "`runbookctl token` mints one for trying.\n\n"
    "**Errors** have one shape: a stable `code`, a `message` for people, and a `hint` what to do next."
)


def openapi(routes: Sequence[Route]) -> Json:
    """The document."""
    components = _Components(routes)
    paths: dict[str, Json] = {}
    for one in routes:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "runbook-bot",
            "version": API_VERSION,
            "summary": "A page becomes a guided, guarded fix.",
            "description": ABOUT,
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(one.section for one in routes)],
        "paths": paths,
        "components": {
            "schemas": components.schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "alertmanager": {"type": "http", "scheme": "bearer", "description": "a shared secret"},
                "pagerduty": {"type": "apiKey", "in": "header", "name": "X-PagerDuty-Signature"},
            },
        },
    }


class _Components:
    """The schemas of every shape, each under one name."""

    def __init__(self, routes: Sequence[Route]) -> None:
        wanted: list[tuple[Any, JsonSchemaMode]] = [(Error, "serialization")]
        for one in routes:
            wanted += [
                (returned.shape, "serialization") for returned in one.answers if returned.shape is not str
            ]
            wanted += [(one.looks, "validation")] if one.looks is not Nothing else []
        inputs = [
            (number, mode, TypeAdapter(shape).core_schema) for number, (shape, mode) in enumerate(wanted)
        ]
        found, definitions = GenerateJsonSchema(ref_template=REF).generate_definitions(inputs)
        self._by_shape = {id(shape): found[number, mode] for number, (shape, mode) in enumerate(wanted)}
        self.schemas: Json = dict(sorted(definitions.items()))

    def of(self, shape: Any) -> Json:
        """The schema of a shape, as a reference."""
        return self._by_shape[id(shape)]


def _operation(one: Route, components: _Components) -> Json:
    operation: Json = {
        "operationId": one.name,
        "tags": [one.section],
        "summary": one.summary,
        "description": f"{one.what}\n\nNeeds the role `{one.role}`." if one.role else one.what,
        "responses": dict(_responses(one, components)),
        "security": [] if one.entry == "open" else [{one.entry: []}],
    }
    parameters = list(_parameters(one))
    if parameters:
        operation["parameters"] = parameters
    if one.looks is not Nothing:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": components.of(one.looks)}},
        }
    return operation


def _responses(one: Route, components: _Components) -> Iterator[tuple[str, Json]]:
    for returned in one.answers:
        yield str(returned.status), _success(returned, components)
    for status in sorted(_refusals(one) - {returned.status for returned in one.answers}):
        said: Json = {
            "description": WORDS[status],
            "content": {"application/json": {"schema": components.of(Error)}},
        }
        if status in (429, 503):
            said["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
        yield str(status), said


def _success(returned: Returns, components: _Components) -> Json:
    schema = {"type": "string"} if returned.shape is str else components.of(returned.shape)
    return {"description": returned.what, "content": {returned.media_type: {"schema": schema}}}


def _refusals(one: Route) -> set[int]:
    found = {*one.refuses, *ALWAYS[one.entry]}
    if one.places:
        found.add(404)
    if one.takes_json:
        found |= {413, 415}
    if one.method == "POST":
        found.add(403)
    return found


def _parameters(one: Route) -> Iterator[Json]:
    for name in one.places:
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "maxLength": 200}}
    if one.query is not Nothing:
        schema = one.query.model_json_schema()
        for name, field in schema["properties"].items():
            yield {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "description": field.pop("description", ""),
                "schema": field,
            }
    for name, what in one.takes.items():
        if name != "Authorization":
            yield {
                "name": name,
                "in": "header",
                "required": False,
                "description": what,
                "schema": {"type": "string"},
            }

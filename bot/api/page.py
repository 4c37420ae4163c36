"""The API's description as one page for people: no script, nothing to load, every word of it escaped.

The only thing the page may use is its own style sheet, named by its hash in the policy; whatever else might get into
it through a description would not run.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any

Json = dict[str, Any]

STYLE = files("bot.api").joinpath("page.css").read_text(encoding="utf-8")
_STYLE_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

SAMPLES: Mapping[str, object] = {
    "Execute": {
        "runbook_name": "restart-checkout",
        "environment": "prod",
        "context": {"service_id": "checkout", "anomaly_score": 0.93},
        "params": {},
    },
    "Decide": {"proposal_id": "…", "digest": "…", "verdict": "reject", "reason": "not during the sale"},
    "Cancel": {"reason": "the deploy was taken back"},
    "Diagnose": {"service": "checkout"},
    "ReportedEvent": {
        "anomaly_id": "a-17",
        "service_id": "checkout",
        "metric_name": "latency_p99",
        "value": 2.4,
        "anomaly_score": 0.93,
    },
}
"""What a body may look like, by the name of its schema."""


def page(document: Json) -> str:
    """The whole page."""
    info = document["info"]
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])} API</title><style>{STYLE}</style></head><body>",
            *_contents(document),
            f"<main><header><p class=over>HTTP API · version {escape(info['version'])}</p>",
            f"<h1>{escape(info['title'])}</h1><p class=lead>{escape(info['summary'])}</p>",
            *_paragraphs(info["description"]),
            '<p>The same for programs: <a href="/api/v1/openapi.json">openapi.json</a> (OpenAPI 3.1).</p></header>',
            *_sections(document),
            *_schemas(document),
            "</main></body></html>",
        ]
    )


def _paragraphs(text: str) -> Iterator[str]:
    for part in text.split("\n\n"):
        yield f"<p>{_marked(part)}</p>"


def _marked(text: str) -> str:
    """Escaped, with `code` and **strong** as such; nothing else of Markdown is used in the descriptions."""
    out = []
    for place, piece in enumerate(text.split("`")):
        if place % 2:
            out.append(f"<code>{escape(piece)}</code>")
            continue
        halves = escape(piece).split("**")
        out.append(
            "".join(f"<strong>{one}</strong>" if index % 2 else one for index, one in enumerate(halves))
        )
    return "".join(out)


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _contents(document: Json) -> Iterator[str]:
    yield "<nav><p class=brand>runbook-bot</p>"
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2><ul>"
        for method, path, operation in _operations(document):
            if operation["tags"] == [tag["name"]]:
                yield (
                    f'<li><a href="#{operation["operationId"]}"><span class="verb {method.lower()}">{method}</span>'
                    f"<span>{_broken(path)}</span></a></li>"
                )
        yield "</ul>"
    yield '<h2>Shapes</h2><ul><li><a href="#shapes"><span>all of them</span></a></li></ul></nav>'


def _broken(path: str) -> str:
    """A path that may be broken at its slashes."""
    return escape(path).replace("/", "/<wbr>")


def _sections(document: Json) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<section><h2>{escape(tag['name'])}</h2>"
        for method, path, operation in _operations(document):
            if operation["tags"] == [tag["name"]]:
                yield from _article(method, path, operation)
        yield "</section>"


def _article(method: str, path: str, operation: Json) -> Iterator[str]:
    yield f'<article id="{operation["operationId"]}"><h3><span class="verb {method.lower()}">{method}</span> '
    yield f"<code>{_broken(path)}</code></h3><p class=summary>{escape(operation['summary'])}"
    yield f" <span class=door>{escape(_door(operation))}</span></p>"
    yield from _paragraphs(operation["description"])
    yield from _parameters(operation.get("parameters", ()))
    body = _name_of(operation.get("requestBody", {}))
    if body:
        yield f"<h4>Body</h4><p>{_link(body)}</p>"
    yield f"<pre>{escape(_curl(path, operation, body))}</pre>"
    yield "<h4>Answers</h4><table>"
    for status, answer in operation["responses"].items():
        kind = "fine" if status < "400" else "no"
        yield f'<tr><td><span class="status {kind}">{status}</span></td><td>{_marked(answer["description"])}</td>'
        yield f"<td>{_link(_name_of(answer)) or escape(', '.join(answer['content']))}</td></tr>"
    yield "</table></article>"


def _door(operation: Json) -> str:
    doors = [name for one in operation["security"] for name in one]
    return {"bearer": "bearer token", "pagerduty": "signed", "alertmanager": "shared secret"}.get(
        next(iter(doors), ""), "open to all"
    )


def _parameters(parameters: Any) -> Iterator[str]:
    if not parameters:
        return
    yield "<h4>Parameters</h4><table class=fields>"
    for one in parameters:
        needed = "required" if one.get("required") else "optional"
        said = one.get("description") or ""
        yield f"<tr><td><code>{escape(one['name'])}</code></td><td>{one['in']}, {needed}</td>"
        yield f"<td>{escape(_type(one['schema']))}{f' · {_marked(said)}' if said else ''}</td></tr>"
    yield "</table>"


def _curl(path: str, operation: Json, body: str) -> str:
    lines = [f"curl -sS https://bot.example.com{path}"]
    if operation["security"] == [{"bearer": []}]:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    elif operation["security"] == [{"alertmanager": []}]:
        lines.append('-H "Authorization: Bearer $SECRET"')
    elif operation["security"]:
        lines.append('-H "X-PagerDuty-Signature: v1=…"')
    if body:
        lines.append("-H 'Content-Type: application/json'")
        sample = json.dumps(SAMPLES[body], ensure_ascii=False) if body in SAMPLES else "@body.json"
        lines.append(f"-d '{sample}'")
    return " \\\n  ".join(lines)


def _name_of(holder: Json) -> str:
    """The name of the shape that a body or an answer has, "" where it has none of its own."""
    for media in holder.get("content", {}).values():
        reference = media["schema"].get("$ref", "")
        return str(reference.rpartition("/")[2])
    return ""


def _link(name: str) -> str:
    return f'<a href="#shape-{escape(name)}">{escape(name)}</a>' if name else ""


def _schemas(document: Json) -> Iterator[str]:
    yield "<section id=shapes><h2>Shapes</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield f'<article id="shape-{escape(name)}"><h3>{escape(name)}</h3>'
        yield from _paragraphs(schema.get("description", ""))
        if "oneOf" in schema:
            choices = (_link(str(one["$ref"].rpartition("/")[2])) for one in schema["oneOf"])
            yield f"<p>One of {', '.join(choices)}.</p>"
        required = schema.get("required", ())
        yield "<table class=fields>"
        for field, shape in schema.get("properties", {}).items():
            mark = "" if field in required else " <span class=quiet>optional</span>"
            said = shape.get("description", "")
            yield f"<tr><td><code>{escape(field)}</code>{mark}</td><td>{_typed(shape)}</td>"
            yield f"<td>{_marked(' '.join(said.split())) if said else ''}</td></tr>"
        yield "</table></article>"
    yield "</section>"


def _typed(schema: Json) -> str:
    """A field's type, with the way to its shape."""
    reference = schema.get("$ref") or schema.get("items", {}).get("$ref", "")
    name = str(reference.rpartition("/")[2])
    if name:
        return f"{'list of ' if 'items' in schema else ''}{_link(name)}"
    choices = [one for one in schema.get("anyOf", ()) if "$ref" in one]
    if choices:
        return " or ".join(_link(str(one["$ref"].rpartition("/")[2])) for one in choices) + " or null"
    return escape(_type(schema))


def _type(schema: Json) -> str:
    if "enum" in schema:
        return " · ".join(str(one) for one in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return f"{kind} ({schema['format']})" if "format" in schema else kind

"""The description of the API: valid, complete, a page people can read, and true (the server is held against it)."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import CHECKS

from bot.api.openapi import openapi
from bot.api.page import CONTENT_SECURITY_POLICY, page
from bot.api.routes import ROUTES
from tests.api.served import Served
from tests.api.test_every_route import TEAMS
from tests.fakes.patience import PATIENCE_S
from tests.stories import pages
from tests.stories.catalogs import FLUSH
from tests.stories.stage import ALERTMANAGER_SECRET
from tests.stories.test_deciding import PARAMS

DOCUMENT = openapi(ROUTES)
LINE_LIMIT = 5000
"""Characters; each may take twelve bytes in a URL, and 64 KiB are read."""
EXAMPLES = 25
"""Requests made up for each operation: enough to meet every kind of wrong value, and done in seconds."""


def test_it_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_route_is_in_it_with_its_door_and_words_for_every_answer() -> None:
    told = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert told == {(one.method, one.path) for one in ROUTES}
    for one in ROUTES:
        operation = DOCUMENT["paths"][one.path][one.method.lower()]
        assert operation["summary"]
        assert operation["description"]
        assert (operation["security"] == []) == (one.entry == "open")
        assert all(answer["description"] for answer in operation["responses"].values())
    names = [operation["operationId"] for path in DOCUMENT["paths"].values() for operation in path.values()]
    assert len(set(names)) == len(names)


def test_every_error_has_the_one_shape() -> None:
    for path in DOCUMENT["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if status >= "400" and "Readiness" not in str(answer):
                    schema = answer["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Error"}


class Tags(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_the_page_loads_nothing_runs_nothing_and_every_link_in_it_leads_somewhere() -> None:
    tags = Tags()
    tags.feed(page(DOCUMENT))
    assert not {"script", "img", "link", "iframe", "form", "object"} & {tag for tag, _ in tags.seen}
    assert not [
        one for _, attrs in tags.seen for one in attrs if one.startswith("on") or one in ("style", "src")
    ]
    ids = {attrs["id"] for _, attrs in tags.seen if "id" in attrs}
    links = [attrs["href"] or "" for tag, attrs in tags.seen if tag == "a"]
    assert {one[1:] for one in links if one.startswith("#")} <= ids
    assert {one for one in links if not one.startswith("#")} == {"/api/v1/openapi.json"}
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_what_a_description_says_is_text_on_the_page_and_nothing_else() -> None:
    evil = '<script>alert(1)</script>"><b x="'
    hostile = openapi(ROUTES)
    hostile["info"]["summary"] = hostile["info"]["description"] = evil
    hostile["tags"][0]["name"] = evil
    operation = hostile["paths"]["/api/v1/runbooks"]["get"]
    operation |= {"summary": evil, "description": f"`{evil}` **{evil}**", "tags": [evil]}
    operation["responses"]["200"]["description"] = evil
    schema = hostile["components"]["schemas"]["Execute"]
    schema["description"] = evil
    schema["properties"]["dry_run"]["description"] = evil
    tags = Tags()
    tags.feed(page(hostile))
    assert not [tag for tag, attrs in tags.seen if tag in ("script", "b") or "x" in attrs]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    runbooks = {"flush": FLUSH, "scale": PARAMS}
    with Served(tmp_path_factory.mktemp("served"), runbooks=runbooks, inventory=TEAMS) as running:
        yield running


HELD = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
MADE_UP = [
    pytest.param(path, method, mode, id=f"{mode} {method} {path}")
    for path, method in OPERATIONS
    for mode in ("positive", "negative")
    if mode == "positive"
    or "{" in path
    or {"requestBody", "parameters"} & set(DOCUMENT["paths"][path][method])
]
"""What fits for every operation, and what does not where there is something to get wrong."""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("path", "method", "mode"), MADE_UP)
def test_made_up_requests_get_no_5xx_and_nothing_outside_the_description(
    served: Served, token: str, real: dict[str, str], path: str, method: str, mode: str
) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.config.update(base_url=served.url)
    told = DOCUMENT["paths"][path][method]
    checks = [check for check in CHECKS.get_all() if check.__name__ in HELD]
    assert len(checks) == len(HELD)
    credentials = {"bearer": token, "alertmanager": ALERTMANAGER_SECRET, "pagerduty": "", "": ""}
    door = next((name for one in told["security"] for name in one), "")
    headers = {"Authorization": f"Bearer {credentials[door]}"} if credentials[door] else {}
    met: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def holds(case: Any) -> None:
        if mode == "positive":
            _make_real(case, path, real)
        # A longer line is refused before there is a request: that answer is the HTTP library's, and no part of the API.
        assume(len(case.as_transport_kwargs()["url"] + str(case.query)) < LINE_LIMIT)
        if door == "pagerduty":
            headers.update(pages.signed(_body_of(case)))
        response = case.call(headers=headers)
        met.add(response.status_code)
        case.validate_response(response, checks=checks)

    holds()
    if mode == "positive":
        assert met & {200, 202}, "it never got past the door, so nothing was tried"


@pytest.fixture
def token(served: Served, request: pytest.FixtureRequest) -> str:
    """Holds every role for every team; of another program each time, for one alone may not ask so much."""
    roles = ("viewer", "operator", "approver")
    return served.token(*roles, subject=request.node.name[:200], email="alice@acme.example")


@pytest.fixture
def real(served: Served) -> dict[str, str]:
    """What a run is known by that waits for a decision, and its runbook."""
    run_id = served.started("scale")
    headers = {"Authorization": f"Bearer {served.token('viewer')}"}
    record = requests.get(f"{served.url}/api/v1/runs/{run_id}", headers=headers, timeout=PATIENCE_S).json()
    proposal = record["steps"][0]["proposals"][-1]
    shown = {name: proposal[name] for name in ("proposal_id", "digest")}
    return {"run_id": run_id, "name": "scale", **shown}


def _body_of(case: Any) -> bytes:
    """The bytes that will be sent, which a signature is made over."""
    body = requests.Request(**case.as_transport_kwargs()).prepare().body
    return body.encode() if isinstance(body, str) else body or b""


def _make_real(case: Any, path: str, real: dict[str, str]) -> None:
    """Made-up names are all unknown; behind known ones is where things could break."""
    places = case.path_parameters or {}
    places.update({name: real[name] for name in places})
    if isinstance(case.body, dict) and path.endswith("/decisions"):
        case.body |= {name: real[name] for name in ("proposal_id", "digest")}
        case.body["params"] = {"workers": 3} if case.body["verdict"] == "edit" else None
    if isinstance(case.body, dict) and "runbook_name" in case.body:
        case.body |= {"runbook_name": "scale", "environment": ""}
        if isinstance(case.body.get("context"), dict):
            case.body["context"]["service_id"] = "checkout"
        case.body["params"] = {"workers": 3}
    if isinstance(case.body, dict) and path.endswith("/diagnose"):
        named = ("cluster", "namespace", "deployment", "statefulset", "daemonset", "job")
        case.body = {name: one for name, one in case.body.items() if name not in named} | {
            "service": "checkout"
        }

"""Every route, taken from the table: with no token, too small a role, another team's objects, from another site.

Nothing here names the routes it wants to see; a route that is added is tried too, and fails until somebody says what
"another team's object" is for it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.api.auth import ROLES, VIEWER
from bot.api.routes import ROUTES
from bot.api.routing import Route
from tests.stories.catalogs import FLUSH, INVENTORY
from tests.stories.stage import Stage

SERVICES = """\
  storefront:
    team: web
    channel: "#incidents"
    host: web-2
    workload: { namespace: web, deployment: storefront }
"""
CLUSTERS = """\
clusters:
  standin: { namespaces: { shop: prod, web: prod, shared: prod, nobodys: prod } }
api_decisions: true
"""
TEAMS = INVENTORY.replace("groups:\n", f"{SERVICES}groups:\n", 1) + CLUSTERS
TEAMS = TEAMS.replace(
    "  checkout:\n", "  checkout:\n    workload: { namespace: shop, deployment: checkout }\n", 1
)
SWEEP = FLUSH.replace("checkout", "storefront")
OPEN_TO_ALL = {"healthz", "readyz", "description", "documentation"}
BEARER = [one for one in ROUTES if one.entry == "bearer"]
POSTS = [one for one in ROUTES if one.method == "POST"]


@dataclass
class World:
    """The bot with the objects of two teams, and a person of each who holds every role for it."""

    stage: Stage
    run_ids: dict[str, str]

    def token(self, team: str, *roles: str) -> str:
        email = "alice@acme.example" if "approver" in roles else ""
        return self.stage.token(*roles, subject=f"of-{team}", teams=(team,), email=email)

    async def ask(
        self, one: Route, team: str, *, token: str, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """A well-formed request of a route about an object of a team."""
        path = _filled(one.path, {"run_id": self.run_ids[team], "name": _RUNBOOKS[team]})
        body = {"json": BODIES[one.name](team)} if one.method == "POST" else {}
        return await self.stage.call(one.method, path, token=token, headers=headers, **body)

    async def everything(self) -> tuple[Any, ...]:
        """All that a request might have changed."""
        journal = self.stage.app.journal
        return await journal.streams(), await journal.unanswered(), self.stage.host.ran


_RUNBOOKS = {"payments": "flush", "web": "sweep"}
_SERVICES = {"payments": "checkout", "web": "storefront"}
BODIES: dict[str, Callable[[str], Any]] = {
    "execute": lambda team: {"runbook_name": _RUNBOOKS[team], "context": {"service_id": _SERVICES[team]}},
    "cancel": lambda team: {"reason": "not needed"},
    "decide": lambda team: {"proposal_id": "p", "digest": "0" * 64, "verdict": "approve"},
    "events": lambda team: {
        "anomaly_id": f"a-{team}",
        "service_id": _SERVICES[team],
        "metric_name": "cpu",
        "value": 1.0,
        "anomaly_score": 0.9,
    },
    "diagnose": lambda team: {"service": _SERVICES[team]},
    "pagerduty": lambda team: {"event": {"id": "x"}},
    "alertmanager": lambda team: {"groupKey": "k", "alerts": []},
}
LISTS = {"list_runbooks", "history"}
"""What lists instead of naming one object: it answers, and leaves out what is not the caller's."""


OF_ALL_TEAMS = {"metrics"}
"""What cannot be cut by team, so that only a token for every team is let in."""


def _filled(path: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    runbooks = {"flush": FLUSH, "sweep": SWEEP}
    async with Stage.open(tmp_path, runbooks=runbooks, inventory=TEAMS) as stage:
        starter = stage.token("operator", subject="starter")
        run_ids = {}
        for team, name in _RUNBOOKS.items():
            _, run = await stage.call(
                "POST", "/api/v1/runbooks/execute", token=starter, json={"runbook_name": name}
            )
            run_ids[team] = run["run_id"]
        await stage.rest()
        yield World(stage=stage, run_ids=run_ids)


def too_small(one: Route) -> Iterator[tuple[str, ...]]:
    """Every set of roles that does not carry the route's."""
    yield ()
    yield ("admin", "*", one.role.upper())
    if one.role != VIEWER:
        for role in ROLES:
            if role != one.role:
                yield (role,)


async def test_without_a_token_nothing_but_health_and_description_is_there(world: World) -> None:
    before = await world.everything()
    for one in ROUTES:
        status, answer = await world.ask(one, "payments", token="")
        if one.entry == "open":
            assert one.name in OPEN_TO_ALL, f"{one.path} is open to all, and nobody said that it may be"
            continue
        assert (status, answer["error"]["code"]) == (401, "unauthenticated"), one.path
        for token in ("nonsense", world.token("payments", *ROLES)[:-2]):
            status, answer = await world.ask(one, "payments", token=token)
            assert status == 401, one.path
    assert await world.everything() == before


async def test_a_role_that_is_too_small_is_refused(world: World) -> None:
    before = await world.everything()
    for one in BEARER:
        for roles in too_small(one):
            status, answer = await world.ask(one, "payments", token=world.token("payments", *roles))
            assert (status, answer["error"]["code"]) == (403, "not-permitted"), (one.path, roles)
    assert await world.everything() == before


async def test_another_teams_objects_are_not_there(world: World) -> None:
    before = await world.everything()
    for one in BEARER:
        for team in ("payments", "nobody"):
            status, answer = await world.ask(one, "web", token=world.token(team, *ROLES))
            if one.name in LISTS:
                assert status == 200
                assert not re.search("storefront|sweep", str(answer)), one.path
                assert ("flush" in str(answer)) == (team == "payments"), one.path
                continue
            assert status in (403, 404), (one.path, status, answer)
            assert world.run_ids["web"] not in str(answer) or one.places, one.path
    assert await world.everything() == before


async def test_a_foreign_service_is_refused_also_under_ones_own_runbook(world: World) -> None:
    body = {"runbook_name": "flush", "context": {"service_id": "storefront"}}
    token = world.token("payments", "operator")
    for dry_run in (True, False):
        asked = {**body, "dry_run": dry_run}
        status, _ = await world.stage.call("POST", "/api/v1/runbooks/execute", token=token, json=asked)
        assert status == 403


async def test_a_runbook_of_no_service_is_started_for_a_service_of_ones_own(world: World) -> None:
    world.stage.reload(inventory=TEAMS, anywhere=FLUSH.replace("service_id: checkout, ", ""))
    body: dict[str, Any] = {"runbook_name": "anywhere", "dry_run": True}
    path = "/api/v1/runbooks/execute"
    token = world.token("payments", "operator")
    status, answer = await world.stage.call("POST", path, token=token, json=body)
    assert (status, answer["error"]["hint"]) == (
        400,
        "say so in `context.service_id`, or with --service: checkout",
    )
    for service, expected in (("checkout", 200), ("storefront", 403)):
        asked = {**body, "context": {"service_id": service}}
        assert (await world.stage.call("POST", path, token=token, json=asked))[0] == expected


async def test_ones_own_objects_are_there(world: World) -> None:
    """Or the tests above would pass for a server that refuses everything."""
    for one in BEARER:
        if one.name == "decide":
            continue  # decided in a story of its own
        team = "*" if one.name in OF_ALL_TEAMS else "web"
        status, answer = await world.ask(one, "web", token=world.token(team, "viewer", "operator"))
        assert status in (200, 202), (one.path, answer)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1"},
    ],
)
async def test_what_a_page_of_another_site_sends_changes_nothing(
    world: World, headers: dict[str, str]
) -> None:
    before = await world.everything()
    for one in POSTS:
        token = world.token("web", *ROLES)
        status, answer = await world.ask(one, "web", token=token, headers=headers)
        assert status in (401, 403), (one.path, answer)
        assert status == 403 or one.entry != "bearer"
    assert await world.everything() == before


async def test_a_body_that_a_form_could_send_is_not_taken(world: World) -> None:
    before = await world.everything()
    for one in BEARER:
        if one.method != "POST":
            continue
        path = _filled(one.path, {"run_id": world.run_ids["web"]})
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "",
        ):
            status, answer = await world.stage.call(
                "POST", path, token=world.token("web", *ROLES), data=b"{}", headers={"Content-Type": kind}
            )
            assert (status, answer["error"]["code"]) == (415, "unsupported-media-type"), (one.path, kind)
    assert await world.everything() == before


async def test_no_answer_sets_a_cookie_or_lets_another_origin_read_it(world: World) -> None:
    for one in ROUTES:
        path = _filled(one.path, {"run_id": world.run_ids["web"], "name": "sweep"})
        url = f"http://127.0.0.1:{world.stage.app.port}{path}"
        async with world.stage.web.request(
            one.method, url, headers={"Origin": "https://evil.example"}
        ) as answer:
            assert "Set-Cookie" not in answer.headers
            assert not [name for name in answer.headers if name.startswith("Access-Control")]
            assert answer.headers["X-Content-Type-Options"] == "nosniff", one.path
            assert answer.headers["Server"] == "runbook-bot", one.path

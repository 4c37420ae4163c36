"""A program starts a run and reads it back; people decide it in Slack or, where that is on, with their own token."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.api.test_published_keys import KEYS, published, signed
from tests.stories.catalogs import FLUSH, HEAL, INVENTORY
from tests.stories.stage import ALICE, BOB, Stage
from tests.stories.test_deciding import PARAMS, TWO

ALLOWED = INVENTORY + "api_decisions: true\n"
_STILL = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "HASH"),
    (re.compile(r'"duration_s": [\d.]+'), '"duration_s": T'),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "TIME"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "DATE"),
    (re.compile(r"`[0-9a-f]{12}`"), "`DIGEST`"),
    (re.compile(r"\| Took \| [^|]+ \|"), "| Took | T |"),
)


def told(status: int, answer: Any) -> str:
    """An answer as a story tells it: everything that moves made still, what is empty left out."""
    words = answer if isinstance(answer, str) else json.dumps(_full(answer), indent=2, ensure_ascii=False)
    for pattern, still in _STILL:
        words = pattern.sub(still, words)
    return f"{status}\n{words}\n"


def _full(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _full(one) for name, one in value.items() if one not in ("", None, [], {})}
    return [_full(one) for one in value] if isinstance(value, list) else value


async def test_a_run_started_over_http_is_approved_in_slack_and_read_back(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"heal": HEAL}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        stage.host.prints("curl -s localhost/health", "healthy\n")
        stage.host.prints("systemctl restart checkout", "")
        deploys = stage.token(
            "operator", subject="deploy-pipeline", name="Deploy pipeline", teams=("payments",)
        )
        body = {
            "runbook_name": "heal",
            "environment": "prod",
            "context": {
                "service_id": "PF9KMXH",
                "title": "p99 over 2 s since the deploy",
                "symptom": "latency",
                "metric_name": "p99",
                "value": 2.4,
                "anomaly_score": 0.93,
            },
        }
        path = "/api/v1/runbooks/execute"
        seen = await stage.call("POST", path, token=deploys, json={**body, "dry_run": True})
        stage.reading.note(f"the pipeline asks what heal would do: POST {path}\n{told(*seen)}")
        assert seen[0] == 200
        assert await stage.runs() == []
        status, opened = await stage.call(
            "POST", path, token=deploys, json=body, headers={"Idempotency-Key": "deploy-4711"}
        )
        stage.reading.note(f"it starts heal: POST {path}\n{told(status, opened)}")
        assert status == 202
        await stage.tell("what people see")
        again = await stage.call(
            "POST", path, token=deploys, json=body, headers={"Idempotency-Key": "deploy-4711"}
        )
        assert again == (202, opened)
        await stage.click(ALICE, "Approve")
        await stage.tell("Alice approves")
        await stage.click(BOB, "Approve")
        await stage.tell("Bob approves the restart")
        address = f"/api/v1/runs/{opened['run_id']}"
        viewer = stage.token("viewer", subject="dashboard", teams=("payments",))
        record = await stage.call("GET", address, token=viewer)
        stage.reading.note(f"the pipeline reads the record: GET /api/v1/runs/ID\n{told(*record)}")
        status, report = await stage.call("GET", f"{address}/report.md", token=viewer)
        head = report.partition("## Steps")[0]
        stage.reading.note(
            f"and the report, which begins so: GET /api/v1/runs/ID/report.md\n{told(status, head)}"
        )
        assert "systemctl restart checkout" in report
        assert "bob@acme.example" in report
        status, page = await stage.call("GET", "/api/v1/runbooks/history?service_id=checkout", token=viewer)
        assert (status, page) == (200, {"runs": [record[1]], "next_cursor": ""})
        for since in ("5", "-0.5", "1e9", "2026-11-21", "yesterday"):
            history = f"/api/v1/runbooks/history?since={since}"
            status, answer = await stage.call("GET", history, token=viewer)
            assert (status, answer["error"]["code"]) == (400, "bad-input"), since
        status, events = await stage.call("GET", f"{address}/events?limit=3", token=viewer)
        assert [one["name"] for one in events["events"]] == ["run-opened", "step-proposed", "step-approved"]
        assert events["next_after"] == 3
        stage.check("over_http")


async def test_a_decision_with_a_token_counts_for_its_person_and_shows_in_the_thread(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"fail-over": TWO}, inventory=ALLOWED) as stage:
        stage.host.prints("pg-failover checkout", "done\n")
        starter = stage.token("operator", subject="deploy-pipeline", name="Deploy pipeline")
        _, opened = await stage.call(
            "POST", "/api/v1/runbooks/execute", token=starter, json={"runbook_name": "fail-over"}
        )
        await stage.tell("the pipeline starts fail-over, which two people must approve")
        address = f"/api/v1/runs/{opened['run_id']}"
        bob = stage.token("approver", subject="bob-laptop", email="Bob@acme.example")
        _, record = await stage.call("GET", address, token=bob)
        proposal = record["steps"][0]["proposals"][0]
        shown = {"proposal_id": proposal["proposal_id"], "digest": proposal["digest"], "verdict": "approve"}
        path = f"{address}/decisions"
        for words, token, body in (
            ("a token without a person", stage.token("approver", subject="script"), shown),
            ("a person nobody knows", stage.token("approver", subject="x", email="x@acme.example"), shown),
            ("another digest", bob, {**shown, "digest": "0" * 64}),
            ("a rejection without a reason", bob, {**shown, "verdict": "reject"}),
        ):
            stage.reading.note(f"{words}: {told(*await stage.call('POST', path, token=token, json=body))}")
        status, _ = await stage.call("POST", path, token=bob, json=shown)
        assert status == 200
        await stage.tell("Bob approves with his token")
        await stage.click(BOB, "Approve")
        stage.reading.note(f"Bob clicks as well, and is told: {await stage.told(BOB)}")
        assert stage.host.ran == []
        await stage.click(ALICE, "Approve")
        await stage.tell("Alice clicks: that makes two people")
        assert stage.host.ran == ["pg-failover checkout"]
        stage.check("decided_over_http")


async def test_a_starter_may_not_approve_their_own_run_through_the_other_door(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}, inventory=ALLOWED) as stage:
        bob = stage.token("operator", "approver", subject="bob-laptop", email="bob@acme.example")
        _, opened = await stage.call(
            "POST", "/api/v1/runbooks/execute", token=bob, json={"runbook_name": "flush"}
        )
        await stage.rest()
        await stage.click(BOB, "Approve")
        assert "another person must agree" in await stage.told(BOB)
        address = f"/api/v1/runs/{opened['run_id']}"
        _, record = await stage.call("GET", address, token=bob)
        proposal = record["steps"][0]["proposals"][0]
        body = {"proposal_id": proposal["proposal_id"], "digest": proposal["digest"], "verdict": "approve"}
        status, answer = await stage.call("POST", f"{address}/decisions", token=bob, json=body)
        assert (status, answer["error"]["code"]) == (403, "not-permitted")
        status, answer = await stage.call("POST", f"{address}/cancel", token=bob, json={"reason": "no need"})
        assert (status, answer["cancelled"]["by"]["person"]) == (202, "bob@acme.example")
        await stage.rest()
        assert (await stage.call("GET", address, token=bob))[1]["status"] == "cancelled"
        assert stage.host.ran == []


async def test_an_edit_over_http_makes_a_fresh_proposal_that_another_person_must_approve(
    tmp_path: Path,
) -> None:
    async with Stage.open(tmp_path, runbooks={"scale": PARAMS}, inventory=ALLOWED) as stage:
        stage.host.prints("workers set '12'", "12 workers\n")
        address, alice = await _started(stage, "scale")
        body = await _shown(stage, address, alice)
        path = f"{address}/decisions"
        for wrong in (
            {**body, "verdict": "edit"},
            {**body, "verdict": "edit", "params": {}},
            {**body, "verdict": "approve", "params": {"workers": 12}},
            {**body, "verdict": "edit", "params": {"workers": 99}},
            {**body, "verdict": "edit", "params": {"wrokers": 12}},
        ):
            status, answer = await stage.call("POST", path, token=alice, json=wrong)
            assert (status, answer["error"]["code"]) == (400, "bad-input"), wrong
        edit = {**body, "verdict": "edit", "params": {"workers": 12}}
        status, record = await stage.call("POST", path, token=alice, json=edit)
        assert (status, record["params"]) == (200, {"workers": 12})
        await stage.rest()
        fresh = await _shown(stage, address, alice)
        assert fresh["digest"] != body["digest"]
        status, _ = await stage.call("POST", path, token=alice, json={**fresh, "verdict": "approve"})
        assert status == 403
        status, _ = await stage.call("POST", path, token=alice, json={**body, "verdict": "approve"})
        assert status == 409
        bob = stage.token("approver", subject="bob-laptop", email="bob@acme.example")
        status, _ = await stage.call("POST", path, token=bob, json={**fresh, "verdict": "approve"})
        assert status == 200
        await stage.rest()
        assert stage.host.ran == ["workers set '12'"]


@pytest.mark.parametrize(
    ("verdict", "ends"), [("done", "succeeded"), ("stop", "failed"), ("undo", "rolled_back")]
)
async def test_an_unknown_outcome_is_settled_over_http(tmp_path: Path, verdict: str, ends: str) -> None:
    async with Stage.open(tmp_path, runbooks={"scale": PARAMS}, inventory=ALLOWED) as stage:
        stage.host.is_cut_off_by("workers set '8'")
        stage.host.prints("workers reset", "ok\n")
        address, alice = await _started(stage, "scale")
        body = await _shown(stage, address, alice)
        path = f"{address}/decisions"
        status, answer = await stage.call("POST", path, token=alice, json={**body, "verdict": verdict})
        assert (status, answer["error"]["message"]) == (422, "the outcome of this step is not in question")
        await stage.call("POST", path, token=alice, json={**body, "verdict": "approve"})
        await stage.rest()
        status, _ = await stage.call(
            "POST", path, token=alice, json={**body, "verdict": verdict, "reason": "I looked"}
        )
        assert status == 200
        await stage.rest()
        _, record = await stage.call("GET", address, token=alice)
        settled = [
            one
            for proposal in record["steps"][0]["proposals"]
            for one in proposal["decisions"]
            if one["kind"] == "outcome_settled"
        ]
        assert [(one["choice"], one["reason"], one["by"]["kind"]) for one in settled] == [
            (verdict, "I looked", "api")
        ]
        assert record["status"] == ends


async def _started(stage: Stage, runbook: str) -> tuple[str, str]:
    """The address of a run that a program started, and the token of somebody who may decide it."""
    starter = stage.token("operator", subject="deploy-pipeline")
    _, opened = await stage.call(
        "POST", "/api/v1/runbooks/execute", token=starter, json={"runbook_name": runbook}
    )
    await stage.rest()
    token = stage.token("approver", subject="alice-laptop", email="alice@acme.example")
    return f"/api/v1/runs/{opened['run_id']}", token


async def _shown(stage: Stage, address: str, token: str) -> dict[str, Any]:
    """What a decision on the latest proposal of the first step names."""
    _, record = await stage.call("GET", address, token=token)
    proposal = record["steps"][0]["proposals"][-1]
    return {name: proposal[name] for name in ("proposal_id", "digest")}


async def test_decisions_are_off_until_the_catalog_turns_them_on(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        token = stage.token("operator", "approver", subject="a", email="alice@acme.example")
        body = {"proposal_id": "p", "digest": "0" * 64, "verdict": "approve"}
        status, answer = await stage.call("POST", "/api/v1/runs/x/decisions", token=token, json=body)
        assert (status, answer["error"]["code"]) == (403, "not-permitted")
        assert "api_decisions: true" in answer["error"]["hint"]


async def test_a_key_opens_one_run_in_a_race_after_a_restart_and_for_its_own_sender_alone(
    tmp_path: Path,
) -> None:
    async with Stage.open(tmp_path, runbooks={"scale": PARAMS}) as stage:
        ann, ben = (stage.token("operator", subject=name) for name in ("ann", "ben"))
        path, key = "/api/v1/runbooks/execute", {"Idempotency-Key": "k"}
        body: dict[str, Any] = {"runbook_name": "scale", "params": {"workers": 4}}
        answers = await asyncio.gather(
            *(stage.call("POST", path, token=ann, json=body, headers=key) for _ in range(8))
        )
        assert {status for status, _ in answers} == {202}
        assert len({json.dumps(answer, sort_keys=True) for _, answer in answers}) == 1
        assert len(await stage.runs()) == 1
        other = {**body, "params": {"workers": 5}}
        status, answer = await stage.call("POST", path, token=ann, json=other, headers=key)
        assert (status, answer["error"]["code"]) == (409, "key-reused")
        status, answer = await stage.call("POST", path, token=ben, json=other, headers=key)
        assert status == 202
        await stage.restart()
        assert await stage.call("POST", path, token=ann, json=body, headers=key) == answers[0]
        assert len(await stage.runs()) == 2


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"runbook_name": "flsuh"}, 404, "did you mean 'flush'?"),
        ({"runbook_name": "flush", "context": {"service_id": "chekcout"}}, 400, "did you mean 'checkout'?"),
        ({"runbook_name": "flush", "environment": "production"}, 400, "known: prod"),
        ({"runbook_name": "flush", "params": {"x": 1}}, 400, "is not a param"),
        ({"runbook_name": "flush", "params": {"x": 1.5}}, 400, "`params.x"),
        ({"runbook_name": "flush", "context": {"region": "eu"}}, 400, "`context.region`"),
        ({"runbook_name": "flush", "dry_run": "yes"}, 400, "`dry_run`"),
        ({}, 400, "`runbook_name`"),
    ],
)
async def test_a_start_that_does_not_fit_says_what_would(
    tmp_path: Path, body: dict[str, Any], status: int, words: str
) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        token = stage.token("operator", subject="a")
        for dry in ({}, {"dry_run": True}) if "dry_run" not in body else ({},):
            answer = await stage.call("POST", "/api/v1/runbooks/execute", token=token, json={**body, **dry})
            assert answer[0] == status, answer
            assert words in json.dumps(answer[1])
        assert await stage.runs() == []


async def test_a_secret_in_what_is_told_of_the_trouble_goes_no_further(tmp_path: Path) -> None:
    secret = "hunter2-and-a-good-deal-more"
    settings = {"BOT_SECRET_DEPLOY": secret}
    async with Stage.open(tmp_path, runbooks={"scale": PARAMS}, settings=settings) as stage:
        token = stage.token("operator", subject="a")
        told = {"title": f"login with {secret} fails", "symptom": secret, "metric_name": secret}
        body = {"runbook_name": "scale", "context": told}
        status, answer = await stage.call("POST", "/api/v1/runbooks/execute", token=token, json=body)
        assert status == 202
        await stage.rest()
        _, record = await stage.call("GET", f"/api/v1/runs/{answer['run_id']}", token=token)
        assert secret not in json.dumps([answer, record, list(stage.texts())])
        assert secret.encode() not in (tmp_path / "journal.db").read_bytes()
        body = {"runbook_name": "scale", "params": {"workers": secret}}
        for dry_run in (True, False):
            asked = {**body, "dry_run": dry_run}
            status, answer = await stage.call("POST", "/api/v1/runbooks/execute", token=token, json=asked)
            assert status == 400
            assert secret not in json.dumps(answer)


async def test_a_token_of_an_issuer_that_publishes_its_keys_lets_its_bearer_in(tmp_path: Path) -> None:
    key = KEYS["ec"]

    async def keys(_request: web.Request) -> web.Response:
        return web.json_response({"keys": [published("ec")]})

    app = web.Application()
    app.router.add_get("/keys", keys)
    async with TestServer(app) as issuer:
        settings = {
            "BOT_JWT_JWKS_URL": str(issuer.make_url("/keys")),
            "BOT_JWT_ISSUER": "https://issuer.example",
        }
        async with Stage.open(tmp_path, runbooks={"flush": FLUSH}, settings=settings) as stage:
            in_an_hour = stage.clock.now().timestamp() + 3600
            token = signed("ES256", key, kid="ec", exp=in_an_hour, roles=["viewer"], teams=["payments"])
            status, answer = await stage.call("GET", "/api/v1/runbooks", token=token)
            assert (status, [one["name"] for one in answer["runbooks"]]) == (200, ["flush"])
            status, _ = await stage.call("GET", "/api/v1/runbooks", token=token[:-4])
            assert status == 401


async def test_health_answers_probes_that_only_want_the_head(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        for path in ("/healthz", "/readyz"):
            async with stage.web.head(f"http://127.0.0.1:{stage.app.port}{path}") as answer:
                assert answer.status == 200

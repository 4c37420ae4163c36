"""Commands that go through the running bot: what they print, what they refuse, and that nothing else is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.api.auth import TokenCheck, Unauthenticated
from bot.cli.main import main
from tests.api.served import Served
from tests.stories.catalogs import FLUSH
from tests.stories.stage import ALICE, JWT_SECRET, Stage
from tests.stories.test_deciding import PARAMS

LOOK = """
    description: Look at the API.
    trigger: { service_id: checkout, symptoms: [latency] }
    steps:
      - name: look
        command: curl -s localhost/health
        read_only: true
        require_approval: false
    safety: { scopes: [prod] }
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    runbooks = {"look": LOOK, "scale": PARAMS, "flush": FLUSH}
    with Served(tmp_path_factory.mktemp("served"), runbooks=runbooks) as running:
        yield running


def call(served: Served, *words: str, token: str | None = None) -> Result:
    """One command, with what lets it in."""
    env = {
        "RUNBOOKCTL_URL": served.url,
        "RUNBOOKCTL_TOKEN": served.token("operator") if token is None else token,
    }
    return CliRunner().invoke(main, words, env=env)


def test_start_opens_a_run_and_says_where(served: Served) -> None:
    done = call(served, "start", "scale", "workers=4", "--env", "prod", "--title", "too slow", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert (record["runbook"], record["params"]) == ("scale", {"workers": 4})
    assert record["trigger"]["title"] == "too slow"
    plain = call(served, "start", "scale")
    assert plain.stdout.startswith("run ")
    assert "Slack" in plain.stderr


def test_start_dry_prints_the_plan_and_opens_nothing(served: Served) -> None:
    before = set(served.do(lambda stage: stage.app.journal.streams()))
    done = call(served, "start", "scale", "workers=4", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "web-1: workers set '4'" in done.stdout
    assert "asks S0ONCALL; one of them decides" in done.stdout
    assert "nothing was opened" in done.stderr
    # What the runs of other tests are still doing is in streams of their own.
    assert set(served.do(lambda stage: stage.app.journal.streams())) == before


def test_start_and_wait_tells_how_it_ended(served: Served) -> None:
    served.stage.host.prints("curl -s localhost/health", "healthy\n")
    done = call(served, "start", "look", "--wait")
    assert done.exit_code == 0, done.output
    assert "healthy" in done.stdout
    assert "succeeded" in done.stdout


def test_start_and_wait_says_whom_it_waits_for_and_fails_where_it_was_rejected(served: Served) -> None:
    ended: list[Result] = []
    waiting = threading.Thread(target=lambda: ended.append(call(served, "start", "flush", "--wait")))
    waiting.start()

    async def reject(stage: Stage) -> None:
        await stage.until(lambda: any("FLUSHDB" in text for text in stage.texts()), what="the proposal")
        await stage.click(ALICE, "Reject")
        form = await stage.form(ALICE)
        await stage.slack.user(ALICE).submit(form["id"], {"reason": "not now"})
        await stage.rest()

    served.do(reject)
    waiting.join(60)
    (done,) = ended
    assert done.exit_code == 1, done.output
    assert "not now" in done.stdout


def test_cancel_stops_a_run_named_by_its_first_letters(served: Served) -> None:
    run_id = served.started("scale")
    done = call(served, "cancel", run_id[:12], "--reason", "no need")
    assert done.exit_code == 0, done.output
    assert run_id in done.stdout
    again = call(served, "cancel", run_id)
    assert again.exit_code == 2
    assert "cancel" in again.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("start", "scael"), "did you mean 'scale'?"),
        (("start", "scale", "workers"), "name=value"),
        (("start", "scale", "workers=1", "workers=2"), "given twice"),
        (("start", "scale", "workers=99"), "does not fit"),
        (("start", "scale", "--env", "moon"), "known: prod"),
        (("cancel", "f" * 32), "there is no run"),
        (("cancel", "../x"), "no run"),
        (("start", "scale", "--url", "http://bot.example.com"), "use https"),
        (("start", "scale", "--url", "ftp://127.0.0.1"), "http(s)"),
        (("start", "scale", "--url", "http://127.0.0.1:1"), "nobody answers"),
        (("start", "scale", "--token", "nonsense"), "not accepted"),
        (("start", "scale", "--token", ""), "runbookctl token"),
        (("start", "scale", "--token", "a\nb"), "bare"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_next_thing_to_do(
    served: Served, words: tuple[str, ...], said: str
) -> None:
    done = call(served, *words)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (404, b"{}"), (302, b""), (500, b'{"error": 7}'), (200, b"")]
)
def test_what_is_not_the_bot_is_said_to_be_none_and_a_redirect_is_not_followed(
    served: Served, status: int, body: bytes
) -> None:
    asked: list[str] = []

    class Other(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the standard library's name
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if body[:1] == b"{" else "text/html")
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            done = call(served, "start", "scale", "--url", f"http://127.0.0.1:{other.server_port}")
        finally:
            other.shutdown()
            thread.join()
    assert done.exit_code == 2, done.output
    assert "is not the bot" in done.stderr
    assert "/elsewhere" not in asked


# ---------------------------------------------------------------- token


def mint(*words: str, secret: str = JWT_SECRET) -> Result:
    return CliRunner().invoke(main, ("token", *words), env={"BOT_JWT_SECRET": secret})


async def test_a_minted_token_opens_the_door_it_was_minted_for(tmp_path: Path) -> None:
    done = mint("--role", "operator", "--team", "payments", "--subject", "ci", "--email", "bob@acme.example")
    assert done.exit_code == 0, done.output
    check = TokenCheck(secret=JWT_SECRET.encode(), issuer="runbook-bot", audience="runbook-bot")
    caller = await check.caller(f"Bearer {done.stdout.strip()}", now=datetime.now(UTC))
    assert (caller.subject, set(caller.roles), set(caller.teams)) == ("ci", {"operator"}, {"payments"})
    assert caller.email == "bob@acme.example"
    assert done.stderr == "for ci, operator, objects of payments, good for 1 h\n"


async def test_by_default_it_may_only_read_and_sees_no_team(tmp_path: Path) -> None:
    done = mint()
    check = TokenCheck(secret=JWT_SECRET.encode(), issuer="runbook-bot", audience="runbook-bot")
    caller = await check.caller(f"Bearer {done.stdout.strip()}", now=datetime.now(UTC))
    assert (set(caller.roles), set(caller.teams)) == ({"viewer"}, set())
    assert "--all-teams" in done.stderr
    other = TokenCheck(secret=b"o" * 40, issuer="runbook-bot", audience="runbook-bot")
    with pytest.raises(Unauthenticated):
        await other.caller(f"Bearer {done.stdout.strip()}", now=datetime.now(UTC))


def test_without_the_secret_there_is_no_token_and_an_approver_without_a_person_is_told() -> None:
    done = mint(secret="")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "BOT_JWT_SECRET" in done.stderr
    assert "--email" in mint("--role", "approver").stderr


@pytest.mark.parametrize("words", [("--email", "nonsense"), ("--subject", ""), ("--name", "a\tb")])
def test_no_token_is_minted_that_the_bot_would_not_take(words: tuple[str, str]) -> None:
    done = mint(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no bot would take it: the token" in done.stderr

"""What people type and choose: `/runbook …` and the message shortcut."""

from __future__ import annotations

from pathlib import Path

from tests.stories.catalogs import FLUSH, HEAL
from tests.stories.stage import ALICE, BOB, CAROL, GUEST, Stage
from tests.stories.test_deciding import PARAMS

OTHER = FLUSH.replace("Empty the cache.", "Clean the disk.").replace("latency", "disk full")


async def test_the_command_lists_tells_helps_and_says_what_it_does_not_know(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH, "clean": OTHER, "scale": PARAMS}) as stage:
        alice = stage.slack.user(ALICE)
        lines = [
            "/runbook",
            "/runbook list",
            "/runbook status",
            "/runbook stauts",
            "/runbook dance",
            "/runbook start flsuh",
            "/runbook start flush workers=3",
            "/runbook start scale workers=99 --dry-run",
            "/runbook start flush --env moon",
            '/runbook start "flush',
        ]
        for times, line in enumerate(lines, start=1):
            await alice.command(line, "C0INC")
            await stage.told(ALICE, times=times)
            await stage.tell(f"Alice types {line}")
        await stage.page("triggered")
        await stage.rest()
        await stage.click(BOB, "Another runbook", choice="clean")
        await stage.rest()
        await alice.command("/runbook start clean", "C0INC")
        await stage.until(lambda: len(stage.shown("Approve")) > 1, what="the run to be proposed")
        await stage.rest()
        stage.reading.write_down("a page arrives, and Alice starts a run")
        await alice.command("/runbook status", "C0INC")
        await stage.told(ALICE, times=len(lines) + 1)
        await stage.tell("Alice types /runbook status")
        await stage.slack.user(CAROL).command("/runbook start flush", "C0INC")
        await stage.told(CAROL)
        await stage.tell("Carol, who is in no group, types /runbook start flush")
        stage.check("commands")


async def test_a_start_without_what_it_needs_opens_the_form(tmp_path: Path) -> None:
    needs = PARAMS.replace("default: 8, ", "")
    async with Stage.open(tmp_path, runbooks={"scale": needs}) as stage:
        alice = stage.slack.user(ALICE)
        await alice.command("/runbook start scale", "C0INC")
        form = await stage.form(ALICE)
        stage.reading.write_down("Alice types /runbook start scale")
        await alice.submit(form["id"], {"param:workers": "12", "runbook": {"choose_runbook": "scale"}})
        await stage.until(lambda: stage.shown("Approve"), what="the proposal")
        await stage.tell("Alice fills the form in")
        stage.check("start_form")


TYPED = """
    description: Give the API more workers.
    trigger: { service_id: checkout, symptoms: [queue is long] }
    params:
      workers: { type: int, minimum: 2, maximum: 16, description: How many of them }
      kind: { type: choice, choices: [small, large], default: small }
      drain: { type: bool, default: true, description: Let old ones finish first }
      ticket: { type: string, pattern: "INC-[0-9]+", required: false }
    steps:
      - name: scale
        command: scale-workers {{ params.workers }} {{ params.kind }} {{ params.drain }}
        rollback: scale-workers 2 small true
      - { name: tell, type: slack, message: "{{ params.workers }} workers", require_approval: false }
    on_reject:
      - { name: leave, type: slack, message: Left alone, require_approval: false }
    safety: { scopes: [prod], min_approvals: 2 }
"""
SEVERAL = """\
environments:
  prod: { approvers: [oncall] }
  staging: { approvers: [U03CAROL] }
hosts:
  web-1: { environment: prod, address: 127.0.0.1, port: PORT, user: runbook }
services:
  checkout: { team: payments, channel: "#incidents", host: web-1, environment: prod }
  search: { team: web, channel: "#search", approvers: [carol@acme.example] }
groups:
  oncall: [S0ONCALL]
default_channel: "#incidents"
"""


async def test_questions_are_answered_to_whoever_asked(tmp_path: Path) -> None:
    books = {"flush": FLUSH, "workers": TYPED}
    async with Stage.open(tmp_path, runbooks=books, inventory=SEVERAL) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        alice, bob = stage.slack.user(ALICE), stage.slack.user(BOB)
        lines = [
            "/runbook show workers",
            "/runbook show wrokers",
            "/runbook who",
            "/runbook who search",
            "/runbook who serach",
            "/runbook history",
            "/runbook history moon",
            "/runbook stats",
            '/runbook simulate checkout "latency is up"',
            '/runbook simulate checkout "queue is long"',
            "/runbook simulate checkout latency --fail-at flush-cache",
            "/runbook simulate chekout latency",
            "/runbook simulate checkout",
            "/runbook flush",
            "/runbook cancel",
            "/runbook cancel abc",
        ]
        for times, line in enumerate(lines, start=1):
            await alice.command(line, "C0INC")
            await stage.told(ALICE, times=times)
            await stage.tell(f"Alice types {line}")
        await bob.command("/runbook start flush", "C0INC")
        await stage.until(lambda: stage.shown("Approve"), what="the proposal")
        await stage.click(ALICE, "Approve")
        await stage.rest()
        stage.reading.write_down("Bob starts flush, Alice approves")
        for times, line in enumerate(
            ["/runbook history checkout", "/runbook show flush", "/runbook stats"], start=len(lines) + 1
        ):
            await alice.command(line, "C0INC")
            await stage.told(ALICE, times=times)
            await stage.tell(f"Alice types {line}")
        await stage.slack.user(GUEST).command("/runbook history", "C0INC")
        await stage.told(GUEST)
        await stage.tell("A guest types /runbook history")
        stage.check("questions")


async def test_a_run_is_cancelled_by_a_command_that_asks_which(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH, "workers": TYPED}) as stage:
        alice = stage.slack.user(ALICE)
        await alice.command("/runbook start flush", "C0INC")
        await stage.until(lambda: stage.shown("Approve"), what="the proposal")
        await stage.rest()
        stage.reading.write_down("Alice starts flush")
        await alice.command("/runbook cancel", "C0GENERAL")
        await stage.told(ALICE)
        await stage.tell("she types /runbook cancel in another channel")
        await alice.command("/runbook cancel", "C0INC")
        form = await stage.form(ALICE)
        stage.reading.write_down("and in this one")
        (run,) = await stage.runs()
        await alice.submit(form["id"], {"run": {"value": run.id}, "reason": {"value": "wrong service"}})
        await stage.tell("she says why")
        stage.check("cancel_by_command")


async def test_the_start_form_has_an_input_for_each_type_and_answers_at_the_field(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"workers": TYPED}, inventory=SEVERAL) as stage:
        alice = stage.slack.user(ALICE)
        await alice.command("/runbook start workers kind=huge drain=no --env staging", "C0INC")
        form = await stage.form(ALICE)
        stage.reading.write_down("Alice types /runbook start workers kind=huge drain=no --env staging")
        fields = {
            "runbook": {"choose_runbook": "workers"},
            "param:workers": {"value": "5"},
            "param:kind": {"value": "large"},
            "param:drain": {"value": "false"},
            "param:ticket": {"value": "the one of today"},
            "environment": {"value": "prod"},
        }
        refused = await alice.submit(form["id"], fields)
        stage.reading.note(f"she fills it in, and is told at the field: {refused.body}\n")
        fields["param:ticket"] = {"value": "INC-17"}
        await alice.submit(form["id"], fields)
        await stage.until(lambda: stage.shown("Approve"), what="the proposal")
        await stage.tell("she corrects it")
        stage.check("start_form_types")


async def test_the_message_shortcut_starts_in_the_thread_it_was_chosen_in(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH, "clean": OTHER}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        bob = stage.slack.user(BOB)
        ts = await bob.post("C0INC", "checkout feels slow, is that only me?")
        await bob.shortcut("start_runbook", "C0INC", ts)
        form = await stage.form(BOB)
        stage.reading.write_down("Bob chooses “Start a runbook” on his own message")
        await bob.view_click(form["id"], "choose_runbook", choice="flush")
        await stage.until(
            lambda: len((stage.slack.modal(BOB) or {}).get("blocks", ())) > 2, what="the form to follow"
        )
        stage.reading.write_down("he picks flush")
        await bob.submit(form["id"], {"runbook": {"choose_runbook": "flush"}})
        await stage.until(lambda: stage.shown("Approve"), what="the proposal")
        await stage.tell("and starts it")
        await stage.click(ALICE, "Approve")
        await stage.tell("Alice approves")
        stage.check("shortcut")


async def test_a_dry_run_says_what_would_happen_and_does_nothing(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"heal": HEAL}) as stage:
        await stage.slack.user(ALICE).command("/runbook start heal --dry-run", "C0INC")
        await stage.until(lambda: any("Dry run" in one for one in stage.texts()), what="the dry run")
        await stage.tell("Alice types /runbook start heal --dry-run")
        stage.check("dry_run")
        assert stage.host.ran == []

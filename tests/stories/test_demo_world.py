"""What the demo's welcome promises, by clicks over a real WebSocket: two people, an edit, a refusal, a kept catalog."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from bot.actions.registry import input_models
from bot.catalog.loader import check
from bot.cli.main import main
from bot.errors import BadInput
from bot.sandbox.demo.acme import ALICE, BOB, INCIDENTS, MIRA, PAYMENTS
from bot.sandbox.demo.auto import play
from bot.sandbox.demo.command import welcome
from bot.sandbox.demo.folder import PACKAGED, Folder
from bot.sandbox.demo.watch import SLOW_S
from bot.sandbox.demo.world import World, free_page_port
from bot.sandbox.protocol import NotThere
from bot.slack import ids
from tests.fakes.patience import PATIENCE_S
from tests.stories.demo_world import button, open_world, press, text_says


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "demo") as world:
        yield world


def test_the_packaged_catalog_is_without_fault() -> None:
    found = check(PACKAGED, input_models())
    assert [str(one) for one in (*found.problems, *found.warnings)] == []


async def test_monitoring_pages_by_itself_and_pagerduty_speaks_of_it_after_the_bot(world: World) -> None:
    await world.break_payments()
    await text_says(world, "Triggered")
    first, second = [
        one for one in world.slack.messages(INCIDENTS) if one.get("thread_ts") in (None, one["ts"])
    ]
    assert first["app_id"] == world.slack.workspace.app.id
    assert second["bot_profile"]["name"] == "PagerDuty"
    await text_says(world, "Linked")


async def test_the_service_answers_500_to_everybody_while_it_is_broken(world: World) -> None:
    await world.break_payments()
    async with aiohttp.ClientSession() as http, http.get(f"{world.http.url}/pay") as answer:
        assert answer.status == 503
    async with aiohttp.ClientSession() as http, http.get(f"{world.http.url}/") as answer:
        assert "FAILING" in await answer.text()


async def test_the_welcomes_commands_do_what_it_says_from_another_terminal(world: World) -> None:
    promised = welcome(world)
    assert f"RUNBOOKCTL_URL={world.bot_url} RUNBOOKCTL_TOKEN=$(cat {world.folder.api_token})" in promised
    assert "runbookctl start add-workers workers=6 --dry-run" in promised
    assert world.folder.api_token.stat().st_mode & 0o077 == 0
    env = {"RUNBOOKCTL_URL": world.bot_url, "RUNBOOKCTL_TOKEN": world.folder.api_token.read_text()}

    def called(*words: str) -> Result:
        return CliRunner().invoke(main, words, env=env)

    done = await asyncio.to_thread(called, "start", "add-workers", "workers=6", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "6" in done.stdout
    assert world.slack.messages(PAYMENTS) == world.slack.messages(INCIDENTS) == []
    done = await asyncio.to_thread(called, "start", "add-workers", "workers=6")
    assert done.exit_code == 0, done.output
    await text_says(world, "A program of yours")


async def test_what_is_broken_cannot_be_broken_again(world: World) -> None:
    await world.break_payments()
    with pytest.raises(NotThere, match="broken already"):
        await world.break_payments()


async def test_somebody_outside_the_group_is_told_why_not(world: World) -> None:
    await world.break_payments()
    await press(world, MIRA, ids.APPROVE)
    await world.slack.until(lambda: world.slack.ephemerals(MIRA), what="a sentence for Mira")
    assert "may not" in world.slack.ephemerals(MIRA)[0]["text"]
    assert world.host.commands == []


async def test_two_people_switch_the_provider_and_one_alone_does_not(world: World) -> None:
    await world.break_payments()
    await press(world, ALICE, ids.CHOOSE, choice="switch-provider")
    await text_says(world, "payments-ctl provider 'southbank'")
    await press(world, ALICE, ids.APPROVE)
    await text_says(world, "1 of 2 approved")
    assert world.payments.provider == "northbank"
    await press(world, BOB, ids.APPROVE)
    await world.slack.until(lambda: world.payments.provider == "southbank", what="the other provider")


async def test_who_edits_an_anomalys_runbook_needs_somebody_else_to_approve(world: World) -> None:
    await world.cpu_anomaly()
    await text_says(world, "anomaly_score")
    await press(world, ALICE, ids.EDIT)
    # First it says “One moment …”; only the form itself can be sent.
    await world.slack.until(lambda: (world.slack.modal(ALICE) or {}).get("submit"), what="the form")
    modal = world.slack.modal(ALICE)
    assert modal is not None
    await world.slack.user(ALICE).submit(modal["id"], {f"{ids.PARAM_BLOCK}workers": "10"})
    await text_says(world, "payments-ctl workers '10'")
    await press(world, ALICE, ids.APPROVE)
    await world.slack.until(lambda: world.slack.ephemerals(ALICE), what="a sentence for Alice")
    assert world.payments.worker_count == 4
    await press(world, BOB, ids.APPROVE)
    await world.slack.until(lambda: world.payments.worker_count == 10, what="ten workers")
    assert not world.payments.is_surging


async def test_more_pods_bear_the_load_and_who_scaled_can_take_it_back(world: World) -> None:
    await world.overload_payment_api()
    assert not world.payment_api.health().is_good
    await press(world, ALICE, ids.APPROVE)
    await text_says(world, "from 3 to 5")
    await press(world, BOB, ids.APPROVE)
    await text_says(world, "Run of scale-payment-api succeeded")
    assert world.payment_api.health().is_good
    assert (await world.api_watch.look()).took_s < SLOW_S
    said = [one["text"] for one in world.slack.messages(PAYMENTS)]
    assert said[0].startswith("payment-api is busy")
    assert said[1] == "payment-api has room again: 5 of 5 ready"


async def test_pods_that_do_not_help_are_taken_back(tmp_path: Path) -> None:
    async with open_world(tmp_path / "demo", relapses=True) as world:
        await world.overload_payment_api()
        await press(world, ALICE, ids.APPROVE)
        await text_says(world, "from 3 to 5")
        await press(world, BOB, ids.APPROVE)
        await text_says(world, "Run of scale-payment-api")
        await world.slack.until(
            lambda: world.payment_api.wanted == 3 and not world.payment_api.health().is_good,
            what="the count from before, which does not heal",
        )


async def test_alone_it_believes_the_service_and_not_the_thread(tmp_path: Path) -> None:
    async with open_world(tmp_path / "demo", relapses=True) as world:
        played = await play(world, within_s=PATIENCE_S)
    assert [bool(act.trouble) for act in played.acts] == [False, True]
    assert "scale-payment-api rolled_back" in played.acts[1].trouble
    assert not played.is_healed


async def test_a_bad_release_pages_and_the_one_before_heals_it(world: World) -> None:
    await world.deploy_badly()
    with pytest.raises(NotThere, match="out already"):
        await world.deploy_badly()
    await text_says(world, "#4310: payment-api")
    assert (await world.api_watch.look()).status == 503
    await text_says(world, "payment-api:2.5.0 → payment-api:2.4.0")
    await press(world, ALICE, ids.APPROVE)
    await text_says(world, "Resolved by monitoring")
    assert world.payment_api.release == "2.4.0"
    assert world.payment_api.health().is_good


async def test_the_cluster_asks_for_its_token(world: World) -> None:
    url = world.payment_api.cluster.base_url
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{url}/api/v1/namespaces/payments/pods", ssl=False) as answer,
    ):
        assert answer.status == 401


async def test_a_rejection_of_the_switch_is_told_to_the_other_channel(world: World) -> None:
    await world.break_payments()
    await press(world, ALICE, ids.CHOOSE, choice="switch-provider")
    await text_says(world, "payments-ctl provider 'southbank'")
    await press(world, BOB, ids.REJECT)
    modal = await world.slack.until(
        lambda: (view := world.slack.modal(BOB)) and view.get("submit") and view, what="the form"
    )
    await world.slack.user(BOB).submit(modal["id"], {ids.REASON_BLOCK: "their contract has ended"})
    await world.slack.until(lambda: world.slack.messages(PAYMENTS), what="a message in #payments")
    assert "somebody said no" in world.slack.messages(PAYMENTS)[0]["text"]


async def test_a_runbook_is_started_by_a_command(world: World) -> None:
    await world.slack.user(ALICE).command("/runbook start check-payments", INCIDENTS)
    await world.slack.until(lambda: len(world.host.commands) == 2, what="both reads")
    assert world.host.commands == ["payments-ctl status", "tail -n 50 /var/log/payments.log"]


async def test_an_edited_runbook_counts_within_seconds(world: World) -> None:
    file = world.folder.runbooks / "restore-payments.yaml"
    file.write_text(file.read_text().replace("5xx, workers hang]", "5xx, workers hang, edited words]"))
    world.app.catalog.read()
    await world.break_payments()
    await text_says(world, "payments-ctl status")
    assert "edited words" in world.app.catalog.current.runbooks["restore-payments"].trigger.symptoms


async def test_in_the_middle_of_everything_it_stops_in_a_moment(tmp_path: Path) -> None:
    async with open_world(tmp_path / "demo") as world:
        await world.break_payments()
        await text_says(world, "payments-ctl status")
        await world.deploy_badly()
        async with asyncio.timeout(2):
            await world.stop()


async def test_nothing_is_bound_where_others_can_reach_it(world: World) -> None:
    ports = [
        world.http.port,
        world.host.port,
        world.app.port,
        world.api_http.port,
        int(world.payment_api.cluster.base_url.rsplit(":", 1)[1]),
        int(world.slack.page_url.rsplit(":", 1)[1][:-1]),
    ]
    others = {str(one[4][0]) for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in sorted(others - {"127.0.0.1"}):
        for port in ports:
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                await asyncio.open_connection(address, port)


def test_a_taken_port_gives_way_to_the_next() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_page_port(port) > port


def test_a_folder_with_something_in_it_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="is not empty"):
        Folder.make(tmp_path)


def test_a_kept_folder_stays_and_a_temporary_one_goes(tmp_path: Path) -> None:
    kept, temporary = Folder.make(tmp_path / "kept"), Folder.make()
    kept.remove()
    temporary.remove()
    assert kept.path.is_dir()
    assert not temporary.path.exists()


async def test_a_world_that_cannot_start_leaves_nothing_open(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        world = World(Folder.make(tmp_path / "demo"))
        with pytest.raises(OSError, match="address already in use"):
            await world.start(page_port=taken.getsockname()[1])
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection("127.0.0.1", world.host.port)
    assert button(world, ids.APPROVE) is None


async def test_a_page_that_gets_no_answer_is_sent_again_as_the_same(world: World) -> None:
    refused: list[str] = []
    heard: list[str] = []

    async def moody(request: web.Request) -> web.Response:
        body = await request.json()
        (heard if refused else refused).append(body["event"]["id"])
        return web.Response(status=202 if heard else 503)

    app = web.Application()
    app.router.add_post("/webhooks/pagerduty", moody)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    world.pagerduty.webhook_url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/pagerduty"
    try:
        await world.pagerduty.trigger("payments failing")
    finally:
        await runner.cleanup()
    assert refused == heard
    assert world.pagerduty.open is not None

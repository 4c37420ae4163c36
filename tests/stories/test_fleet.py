"""A fleet: tried dry from its card, its first host alone, the others after a look, and the way back."""

from __future__ import annotations

from pathlib import Path

from tests.stories.catalogs import FLUSH, INVENTORY
from tests.stories.stage import ALICE, BOB, Stage

FLEET = INVENTORY.replace(
    "services:\n",
    "  web-3: { environment: prod, address: 127.0.0.1, port: PORT, user: runbook }\n"
    "  web-4: { environment: prod, address: 127.0.0.1, port: PORT, user: runbook }\n"
    "host_groups:\n  web: [web-1, web-2, web-3, web-4]\nservices:\n",
)

UPGRADE = """
    description: Put the fixed release on every web host.
    trigger: { service_id: checkout, symptoms: [latency] }
    steps:
      - name: upgrade
        command: release install 42
        hosts: web
        batch: 50%
        confirm_after_first_batch: true
        rollback: release install 41
    safety: { scopes: [prod] }
"""


async def test_the_first_hosts_are_confirmed_alone_and_the_others_may_be_refused(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"upgrade": UPGRADE}, inventory=FLEET) as stage:
        for release in (41, 42):
            stage.host.prints(f"release install {release}", f"release {release} is in\n")
        await stage.page("triggered")
        await stage.tell("a page arrives")
        await stage.click(BOB, "Dry run")
        await stage.told(BOB)
        await stage.tell("Bob tries it dry")
        assert stage.host.ran == []
        await stage.click(ALICE, "Approve")
        await stage.tell("Alice approves the first part")
        assert stage.host.ran == ["release install 42"] * 2
        await stage.click(BOB, "Reject")
        form = await stage.form(BOB)
        await stage.slack.user(BOB).submit(form["id"], {"reason": "errors went up on web-2"})
        await stage.tell("Bob looks at the two hosts and refuses the others")
        await stage.click(ALICE, "Undo what it did")
        await stage.tell("Alice takes it back where it was done")
        stage.check("fleet_first_part_alone")
        assert stage.host.ran == ["release install 42"] * 2 + ["release install 41"] * 2


async def test_a_dry_run_of_one_step_says_what_would_stand_in_its_way(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        await stage.page("triggered")
        await stage.rest()
        stage.host.has_another_key()
        await stage.click(BOB, "Dry run")
        told = await stage.told(BOB)
        assert "it would not go through" in told
        assert "host key" in told
        assert stage.host.ran == []
        assert stage.shown("Approve")

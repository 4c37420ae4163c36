"""What one command on fifty hosts costs: a whole run of one shell step beside asyncssh alone and beside ansible.

Ours is everything: the run opened, the proposal, intent and outcome committed, fifty logins with the host key checked,
the command watched to its end, until the run's row says it is over. Beside it, in turns: the same logins and the same
command with nothing but `asyncssh`, as many at once, the host key checked, too; and `ansible -m raw` with as many
forks, where it is found (`ANSIBLE` names the program, else the PATH). Nobody keeps a connection for the next round.

All fifty are one sshd on loopback, known by fifty names, so the far side's work is on the same cores and part of all
three. The account's home there is empty: a start-up file of whoever measures may well take longer than the rest.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from bot.actions.fleet import AT_ONCE
from bot.actions.shell import ShellAction
from bot.catalog.schema import Host, Step
from bot.clients.ssh import SshPool
from tests.bench.harness import Figures, Row, figures
from tests.engine.house import ALICE, UNATTENDED, House, catalog, runbook
from tests.fakes.actions import STAGING, Bench
from tests.peers.conftest import Sshd, running_sshd

HOSTS = 50
ROUNDS = 7
COMMAND = "echo ok"
LOOK_EVERY_S = 0.005


async def measure(folder: Path) -> list[Row]:
    """Rounds of all three in turns; the first of each warms up and is not kept."""
    with running_sshd(folder, settings=f"MaxStartups 500\nSetEnv HOME={folder}\n") as sshd:
        ours = await Ours.open(folder, sshd)
        theirs = Ansible.found(folder, sshd)
        samples: dict[str, list[float]] = {"ours": [], "bare": [], "ansible": []}
        try:
            for _ in range(ROUNDS + 1):
                samples["ours"].append(await ours.round_s())
                samples["bare"].append(await bare_s(sshd))
                if theirs is not None:
                    samples["ansible"].append(await asyncio.to_thread(theirs.round_s))
        finally:
            await ours.house.close()
    kept: dict[str, Figures] = {name: figures(one[1:]) for name, one in samples.items() if one}
    what = f"fleet: {HOSTS} hosts, one command"
    rows = [
        Row(
            what=what,
            ours=kept["ours"],
            beside_what="bare asyncssh",
            beside=kept["bare"],
            promised_ratio=1.10,
        )
    ]
    if theirs is None:
        print("ansible is not found here, so nothing stands beside it; ANSIBLE=/path/to/ansible names it")
        return rows
    return [
        *rows,
        Row(
            what=what,
            ours=kept["ours"],
            beside_what="ansible -m raw",
            beside=kept["ansible"],
            promised_ratio=0.5,
        ),
    ]


@dataclass
class Ours:
    """A house with one runbook over the fleet."""

    house: House
    bench: Bench
    sshd: Sshd

    @classmethod
    async def open(cls, folder: Path, sshd: Sshd) -> Ours:
        hosts = {
            name: Host(name=name, environment=STAGING, address="127.0.0.1", port=sshd.port, user=sshd.user)
            for name in (f"web-{number}" for number in range(1, HOSTS + 1))
        }
        given = {"command": COMMAND, "hosts": "web", "batch": "100%"}
        step = Step(name="say", type="shell", input=given, rules=UNATTENDED, digest="say")
        files = catalog(runbook("say", step), hosts=hosts, host_groups={"web": tuple(hosts)})
        bench = Bench(catalog=files)
        action = ShellAction(bench.tools)
        house = await House.open(folder / "journal.db", files, action=action)  # type: ignore[arg-type]
        return cls(house=house, bench=bench, sshd=sshd)

    async def round_s(self) -> float:
        """One run with a pool of its own."""
        self.bench.ssh = SshPool(
            config=Path(os.devnull), known_hosts=self.sshd.known_hosts, client_keys=(self.sshd.client_key,)
        )
        began = time.perf_counter()
        run_id = await self.house.start("say", ALICE)
        # Looked at now and then: whoever followed every change would read beside what is measured.
        while (row := await self.house.journal.run_row(run_id)) is None or row.is_open:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)
        took_s = time.perf_counter() - began
        if row.status != "succeeded":
            raise RuntimeError(f"the run ended {row.status}: look why before you measure")
        await self.bench.ssh.aclose()
        return took_s


async def bare_s(sshd: Sshd) -> float:
    """The same logins and command with the library alone."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with (
            room,
            asyncssh.connect(
                "127.0.0.1",
                sshd.port,
                username=sshd.user,
                known_hosts=str(sshd.known_hosts),
                client_keys=[str(sshd.client_key)],
                config=None,
            ) as connection,
        ):
            ran = await connection.run(COMMAND)
            if ran.stdout != "ok\n":
                raise RuntimeError("the bare command said something else")

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(HOSTS)))
    return time.perf_counter() - began


@dataclass
class Ansible:
    """`ansible -m raw` over the same hosts: the program as a user starts it."""

    program: str
    inventory: Path
    settings: dict[str, str]

    @classmethod
    def found(cls, folder: Path, sshd: Sshd) -> Ansible | None:
        program = shutil.which(os.environ.get("ANSIBLE", "ansible"))
        if program is None:
            return None
        inventory = folder / "hosts.ini"
        inventory.write_text(
            "".join(
                f"web-{number} ansible_host=127.0.0.1 ansible_port={sshd.port} ansible_user={sshd.user} "
                f"ansible_ssh_private_key_file={sshd.client_key}\n"
                for number in range(1, HOSTS + 1)
            )
        )
        # One master connection for all fifty names would measure something else.
        options = f"-o ControlMaster=no -o ControlPath=none -o UserKnownHostsFile={sshd.known_hosts}"
        settings = {"ANSIBLE_SSH_ARGS": options, "ANSIBLE_HOST_KEY_CHECKING": "true", "HOME": str(folder)}
        return cls(program=program, inventory=inventory, settings={**os.environ, **settings})

    def round_s(self) -> float:
        """One call of the program."""
        line = [
            self.program,
            "all",
            "-i",
            str(self.inventory),
            "-f",
            str(AT_ONCE),
            "-m",
            "raw",
            "-a",
            COMMAND,
        ]
        began = time.perf_counter()
        ran = subprocess.run(line, env=self.settings, capture_output=True, text=True, check=False)
        took_s = time.perf_counter() - began
        if ran.returncode != 0:
            raise RuntimeError(f"ansible ended with {ran.returncode}: {(ran.stdout + ran.stderr)[-500:]}")
        return took_s

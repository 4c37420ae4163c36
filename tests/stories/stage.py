"""The whole bot on a stage: real HTTP, real Socket Mode, a real SSH host, and people who click.

    async with Stage.open(folder, runbooks={"heal": HEAL}) as stage:
        await stage.page("triggered")
        await stage.tell("a page arrives")
        await stage.click(ALICE, "Approve")
        …
        stage.check("approve_to_the_end")

Nothing is waited for by time. `rest` returns when the engine has nothing to do before somebody acts and Slack shows
what the journal says; where only a timer is in the way (an edit may follow a second after another) it pushes the clock.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import aiohttp

from bot.api.auth import mint
from bot.app import App
from bot.engine.attending import Idle, next_for
from bot.journal.base import HistoryQuery
from bot.runs.next import AskHuman, Done, Sleep, what_next
from bot.runs.state import Run
from bot.sandbox import acme
from bot.sandbox.server import Sandbox
from bot.settings import Settings
from tests.fakes.patience import PATIENCE_S
from tests.stories import catalogs, pages, reading
from tests.stories.clock import SlackTime, StoryClock
from tests.stories.host import StoryHost
from tests.stories.reading import INCIDENTS, Reading

ALICE, BOB, CAROL, GUEST, STRANGER = acme.ALICE, acme.BOB, acme.CAROL, acme.GUEST, acme.STRANGER
JWT_SECRET = "story-jwt-secret-of-more-than-thirty-two-bytes"
ALERTMANAGER_SECRET = "story-alertmanager-secret-of-more-than-thirty-two-bytes"
Mode = Literal["socket", "http"]
Json = dict[str, Any]

ERRANDS = {f"slack-{name}" for name in ("click", "command", "form", "mention", "shortcut")}
"""What the door does after it has acknowledged."""
LOOK_EVERY_S = 0.004
LOOKS_BEFORE_A_PUSH = 6
PUSH = timedelta(seconds=1.1)
"""A little more than an edit may have to wait."""


@dataclass
class Stage:
    """Everything there is in a story. Made by `open`."""

    folder: Path
    slack: Sandbox
    host: StoryHost
    app: App
    clock: StoryClock
    web: aiohttp.ClientSession
    runbooks: dict[str, str]
    reading: Reading = field(init=False)

    def __post_init__(self) -> None:
        self.reading = Reading(self.slack)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path,
        *,
        runbooks: dict[str, str],
        mode: Mode = "socket",
        inventory: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Stage]:
        """Workspace, host and bot, started; `inventory` replaces the catalog's own, `settings` are further ones."""
        clock = StoryClock()
        sandbox = Sandbox(clock=SlackTime(clock), share_delay_s=0.0, retry_delays_s=())
        async with sandbox as slack, StoryHost(folder) as host, aiohttp.ClientSession() as web:
            catalogs.write(folder / "runbooks", port=host.port, runbooks=runbooks, inventory=inventory)
            app = await App.build(_settings(folder, slack, host, mode, settings or {}), clock=clock)
            stage = cls(
                folder=folder, slack=slack, host=host, app=app, clock=clock, web=web, runbooks=runbooks
            )
            try:
                await app.start()
                if mode == "http":
                    await slack.use_http(f"http://127.0.0.1:{app.port}/slack/events")
                yield stage
            finally:
                await stage.app.stop()

    async def restart(self) -> None:
        """The bot ends and another process of it begins, on the same journal."""
        await self.app.stop()
        self.app = await App.build(self.app.settings, clock=self.clock)
        await self.app.start()

    # ------------------------------------------------------------ what happens outside

    async def page(self, kind: str, **data: Any) -> bytes:
        """PagerDuty sends a signed webhook, and it is taken; gives its body, to be sent again."""
        body = pages.webhook(kind, at=self.clock.now(), **data)
        await self.deliver(body)
        return body

    async def deliver(self, body: bytes) -> str:
        """Send a webhook as it is; gives `accepted`, `duplicate` or `ignored`."""
        url = f"http://127.0.0.1:{self.app.port}/webhooks/pagerduty"
        async with self.web.post(url, data=body, headers=pages.signed(body)) as answer:
            assert answer.status == 202, await answer.text()
            return str((await answer.json())["status"])

    def forward(self, kind: str, *, thread_ts: str | None = None, **words: str) -> str:
        """PagerDuty's app speaks in #incidents; gives its ts."""
        message = pages.post(kind, **words)
        if thread_ts is not None:
            message["thread_ts"] = thread_ts
        return self.slack.post_as_app(pages.PAGERDUTY_APP, INCIDENTS, message)

    async def event(self, **anomaly: Any) -> tuple[int, Json]:
        """Somebody's program reports a metric anomaly, with a token."""
        token = self.token("operator", subject="anomaly-detector", name="Anomaly detector")
        return await self.call("POST", "/api/v1/events", token=token, json=anomaly)

    def token(
        self, *roles: str, subject: str, name: str = "", email: str = "", teams: tuple[str, ...] = ("*",)
    ) -> str:
        """What lets a program in, for five minutes."""
        return mint(
            JWT_SECRET.encode(),
            issuer="runbook-bot",
            audience="runbook-bot",
            subject=subject,
            now=self.clock.now(),
            lifetime=timedelta(minutes=5),
            roles=roles,
            teams=teams,
            name=name,
            email=email,
        )

    async def call(
        self, method: str, path: str, *, token: str = "", headers: dict[str, str] | None = None, **more: Any
    ) -> tuple[int, Any]:
        """A program calls the bot's server; gives the status and what came back, parsed where it is JSON."""
        url = f"http://127.0.0.1:{self.app.port}{path}"
        sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        async with self.web.request(method, url, headers=sent, **more) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if is_json else answer.text())

    # ------------------------------------------------------------ what people do

    async def click(self, who: str, label: str, *, choice: str | None = None, nth: int = -1) -> None:
        """Use the newest button of that name (or the menu, with `choice`), and wait until the bot has it."""
        ts, element, block_id = self.shown(label)[nth]
        await self.slack.user(who).click(INCIDENTS, ts, element["action_id"], block_id, choice=choice)

    def shown(self, label: str) -> list[tuple[str, Json, str]]:
        """Every button or menu of this name in the channel: its message, itself, its block."""
        return [
            (message["ts"], element, block["block_id"])
            for message in self.slack.messages(INCIDENTS)
            for block in message.get("blocks") or ()
            if message.get("app_id") == acme.RUNBOOK_APP.id
            for element in _elements_of(block)
            if (element.get("text") or element.get("placeholder") or {}).get("text") == label
        ]

    async def form(self, who: str) -> Json:
        """The form on this person's screen, once it can be filled in."""

        def filled() -> Json:
            view = self.slack.modal(who) or {}
            return view if view.get("submit") else {}

        return await self.slack.until(filled, what=f"a form for {who}")

    async def refused_form(self, who: str) -> str:
        """What the form on this person's screen says instead of asking anything."""

        def said() -> str:
            view = self.slack.modal(who) or {}
            words = " ".join(block["text"]["text"] for block in view.get("blocks") or ())
            return "" if view.get("submit") or "One moment" in words else words

        return str(await self.slack.until(said, what=f"a form that refuses {who}"))

    async def told(self, who: str, *, times: int = 1) -> str:
        """What only this person was told, the latest of so many."""
        shown = await self.slack.until(
            lambda: self.slack.ephemerals(who)[times - 1 :], what=f"{who} to be told"
        )
        return str(shown[0]["text"])

    async def home(self, who: str, *words: str) -> None:
        """Wait until this person's Home says all of this, and write it down whole."""
        async with asyncio.timeout(PATIENCE_S):
            while not all(one in self.reading.home(who) for one in words):
                await self.pause()
        self.reading.note(f"the Home of {self.reading.names[who]}:\n{self.reading.home(who)}")

    async def click_home(self, who: str, label: str) -> None:
        """Use the first button of that name on this person's Home."""
        view = self.slack.workspace.views.home(who) or {}
        block_id, action_id = next(
            (block["block_id"], element["action_id"])
            for block in view["blocks"]
            if block["type"] == "actions"
            for element in block["elements"]
            if element["text"]["text"] == label
        )
        await self.slack.user(who).view_click(view["id"], action_id, block_id)

    # ------------------------------------------------------------ looking

    async def tell(self, moment: str, *, patient_for: timedelta = PUSH) -> None:
        """Wait for rest, then write down what people see now that they did not see before."""
        await self.rest(patient_for=patient_for)
        self.reading.write_down(moment)

    def check(self, name: str) -> None:
        """The story as told is the golden one."""
        reading.check(name, self.reading.text())

    async def until(self, is_true: Callable[[], Any], *, what: str) -> Any:
        """The first true value, looked at whenever something happens in Slack."""
        return await self.slack.until(is_true, what=what)

    async def pause(self) -> None:
        """Let the others work for a moment, and no timer stand in their way."""
        await asyncio.sleep(LOOK_EVERY_S)
        self.clock.push(PUSH)

    async def shows(self, words: str) -> None:
        """Wait until some message has these words, however live it is, and everything else is said too."""
        async with asyncio.timeout(PATIENCE_S):
            while not any(words in json.dumps(one) for one in self.slack.messages(INCIDENTS)):
                await self.pause()
        await self.rest(while_running=True)

    async def rest(self, *, while_running: bool = False, patient_for: timedelta = PUSH) -> None:
        """Until nothing is left to be done or said before somebody acts, or a step that runs goes on.

        Time is pushed only to what is waited for anyway, and no further at once than anybody is `patient_for`.
        """
        async with asyncio.timeout(PATIENCE_S):
            looks = 0
            while not await self._is_at_rest(while_running=while_running):
                await asyncio.sleep(LOOK_EVERY_S)
                looks += 1
                if looks % LOOKS_BEFORE_A_PUSH == 0:
                    self.clock.push_to_next(patient_for)

    async def runs(self) -> list[Run]:
        """Every run, oldest first."""
        rows = await self.app.journal.runs(HistoryQuery())
        return [await self.app.operations.run(row.run_id) for row in reversed(rows)]

    async def _is_at_rest(self, *, while_running: bool) -> bool:
        journal = self.app.journal
        if any(task.get_name() in ERRANDS for task in asyncio.all_tasks()) or await journal.unanswered():
            return False
        if self.app.pager is not None and not self.app.pager.is_idle:
            return False
        for row in await journal.incidents():
            incident = await self.app.operations.incident(row.incident_id)
            runs = await self.app.operations.runs_of(incident)
            if self.app.worker.looker.wants(incident) or any(one.is_open for one in incident.diagnoses):
                return False
            if not isinstance(next_for(incident, runs, self.clock.now()), Idle):
                return False
            if not all(self._is_run_at_rest(run, while_running=while_running) for run in runs):
                return False
            # What delivery compares as well: what should be said, and what Slack took.
            sent = {one.key: one for one in await journal.deliveries(row.incident_id)}
            for message in self.app.courier._compose(incident, runs):
                one = sent.get(message.key)
                if one is None or one.state != "sent" or message.is_changed(one.content):
                    return False
        return True

    def _is_run_at_rest(self, run: Run, *, while_running: bool) -> bool:
        if run.queued is not None:
            return True
        started = any(
            one.started is not None and one.result is None
            for state in run.steps.values()
            for one in state.proposals
        )
        if started:
            return while_running
        return isinstance(what_next(run, self.clock.now()), Sleep | AskHuman | Done)

    def reload(self, *, inventory: str = "", **runbooks: str) -> None:
        """Write other catalog files, and let the bot look at them as it does every few seconds."""
        folder = self.folder / "runbooks"
        catalogs.write(folder, port=self.host.port, runbooks=runbooks, inventory=inventory)
        self.app.catalog.read()

    def texts(self) -> Iterator[str]:
        """The sentence of every message of the bot, oldest first."""
        for message in self.slack.messages(INCIDENTS):
            if message.get("app_id") == acme.RUNBOOK_APP.id:
                yield str(message["text"])


def _elements_of(block: Json) -> list[Json]:
    """The buttons and menus of a block."""
    if block["type"] == "actions":
        return list(block["elements"])
    return [block["accessory"]] if block["type"] == "section" and block.get("accessory") else []


def _settings(folder: Path, slack: Sandbox, host: StoryHost, mode: Mode, more: Mapping[str, str]) -> Settings:
    return Settings.load(
        {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "BOT_SLACK_MODE": mode,
            "SLACK_API_URL": slack.base_url,
            "PAGERDUTY_WEBHOOK_SECRETS": pages.SECRET,
            "BOT_JWT_SECRET": JWT_SECRET,
            "BOT_ALERTMANAGER_SECRETS": ALERTMANAGER_SECRET,
            "BOT_CATALOG": str(folder / "runbooks"),
            "BOT_DATABASE_URL": f"sqlite:///{folder / 'journal.db'}",
            "BOT_HTTP_HOST": "127.0.0.1",
            "BOT_HTTP_PORT": "0",
            "BOT_SSH_CONFIG": str(host.config),
            "BOT_SSH_KNOWN_HOSTS": str(host.known_hosts),
            "BOT_LOG_LEVEL": "error",
            **more,
        }
    )

"""The sandbox as one thing: put together, started, stopped, driven and looked at.

    async with Sandbox() as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.base_url)
        ts = await slack.user("U01ALICE").post("C0INC", "it is slow")
        await slack.until(lambda: slack.thread("C0INC", ts)[1:])

The app connects by Socket Mode (`app_token`) unless `use_http` names its request URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Literal, TypeVar

from aiohttp import web

from bot.sandbox import acme
from bot.sandbox.addresses import Addresses
from bot.sandbox.calls import CallLog
from bot.sandbox.changes import Change
from bot.sandbox.chat import Chat
from bot.sandbox.clock import Clock
from bot.sandbox.conversations import Conversations
from bot.sandbox.delivery import HttpDelivery
from bot.sandbox.directory import Directory
from bot.sandbox.dispatch import ACK_TIMEOUT_S, RETRY_DELAYS_S, Delivery, Dispatch, Transport
from bot.sandbox.events import Events
from bot.sandbox.faults import Faults
from bot.sandbox.gate import Tokens, guard, is_loopback
from bot.sandbox.interactions import Interactions
from bot.sandbox.live import LivePages
from bot.sandbox.modals import Modals
from bot.sandbox.page_routes import PageRoutes, Scenario
from bot.sandbox.person import Person
from bot.sandbox.protocol import Json, SlackError
from bot.sandbox.rates import RateLimits
from bot.sandbox.response_urls import ResponseUrls
from bot.sandbox.socketmode import LIFETIME_S, SocketMode
from bot.sandbox.triggers import Triggers
from bot.sandbox.uploads import Uploads
from bot.sandbox.webapi import Method, WebApi
from bot.sandbox.workspace import Workspace

T = TypeVar("T")
MOST_BYTES = 100 * 1024 * 1024
WAITS_S = 60.0
"""Unless told otherwise: long, since who waits for something that comes does not wait it out."""


class Sandbox:
    """A local Slack. All of it runs in the event loop that called `start`."""

    def __init__(
        self,
        workspace: Workspace | None = None,
        *,
        clock: Clock | None = None,
        rate_limits: Literal["slack", "generous"] = "generous",
        bot_token: str = "xoxb-sandbox-bot",  # noqa: S107  # a made-up token is the point
        app_token: str = "xapp-sandbox-app",  # noqa: S107  # a made-up token is the point
        signing_secret: str = "sandbox-signing-secret",  # noqa: S107  # a made-up secret is the point
        you: str | None = None,
        retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S,
        ack_timeout_s: float = ACK_TIMEOUT_S,
        share_delay_s: float = 0.05,
        socket_lifetime_s: float = LIFETIME_S,
    ) -> None:
        """Raises ValueError for tokens that look real. `you` is whom the page acts as first.

        `retry_delays_s` is when an unacknowledged event comes again: shorter ones suit stories in which the app is
        killed and started again; `share_delay_s` is how long a completed file takes to appear.
        """
        self.workspace = workspace or acme.workspace()
        if clock is not None:
            self.workspace.clock = clock
        self.bot_token, self.app_token, self.signing_secret = bot_token, app_token, signing_secret
        self.faults = Faults()
        self.calls = CallLog()
        self._addresses = Addresses()
        self._ack_timeout_s = ack_timeout_s
        self._http: HttpDelivery | None = None
        self._runner: web.AppRunner | None = None
        workspace, clock = self.workspace, self.workspace.clock
        self.sockets = SocketMode(
            workspace,
            addresses=self._addresses,
            faults=self.faults,
            clock=clock,
            lifetime_s=socket_lifetime_s,
            ack_timeout_s=ack_timeout_s,
        )
        self._dispatch = Dispatch(
            self.sockets, clock=clock, retry_delays_s=retry_delays_s, on_delivery=workspace.changes.wake
        )
        self._events = Events(workspace, send=self._dispatch.event)
        self._response_urls = urls = ResponseUrls(workspace, self._addresses)
        triggers = Triggers(clock)
        modals = Modals(workspace, triggers)
        self._interactions = Interactions(
            workspace, dispatch=self._dispatch, triggers=triggers, response_urls=urls, modals=modals
        )
        self._uploads = Uploads(workspace, self._addresses, share_delay_s=share_delay_s)
        self._web_api = WebApi(
            workspace,
            methods=self._methods(modals),
            tokens=Tokens(bot=bot_token, app=app_token),
            rates=RateLimits(rate_limits),
            faults=self.faults,
            calls=self.calls,
        )
        self._live = LivePages(workspace)
        first = next(user.id for user in workspace.users.values() if not user.is_bot)
        self._page = PageRoutes(workspace, person=self.user, live=self._live, you=you or first)
        workspace.changes.listen(self._events.on_change)
        workspace.changes.listen(self._live.on_change)

    def _methods(self, modals: Modals) -> dict[str, Method]:
        return {
            **Chat(self.workspace, self._addresses).methods(),
            **Conversations(self.workspace).methods(),
            **Directory(self.workspace, self._addresses).methods(),
            **self._uploads.methods(),
            **modals.methods(),
            "apps.connections.open": self.sockets.open_call,
        }

    # life

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one. Raises ValueError for an address others can reach."""
        if not is_loopback(host):
            raise ValueError(f"the sandbox listens on this machine only, not on {host!r}")
        app = web.Application(client_max_size=MOST_BYTES, middlewares=[guard])
        app.router.add_route("GET", "/api/{method}", self._web_api.handle)
        app.router.add_route("POST", "/api/{method}", self._web_api.handle)
        app.router.add_get("/link/", self.sockets.handle)
        app.router.add_post("/upload/v1/{file_id}", self._uploads.receive)
        app.router.add_get("/files-pri/{file_id}/{name}", self._private_file)
        app.router.add_post("/response/{secret}", self._response_urls.handle)
        self._page.add_to(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound = self._runner.addresses[0]
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        self._addresses.root = f"http://{shown}:{bound[1]}/"

    async def stop(self) -> None:
        """Close everything; harmless when it never started."""
        await self._dispatch.stop()
        await self.sockets.stop()
        await self._live.stop()
        if self._http is not None:
            await self._http.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Sandbox:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def base_url(self) -> str:
        """For Slack clients: `http://127.0.0.1:PORT/api/`."""
        return self._addresses.api

    @property
    def page_url(self) -> str:
        """For a browser: `http://127.0.0.1:PORT/`."""
        return self._addresses.root

    async def use_http(self, url: str, *, is_verified: bool = True) -> None:
        """Deliver to this request URL, signed, instead of by Socket Mode; raises ValueError when it does not echo
        Slack's challenge (`is_verified=False` takes it unseen).
        """
        http = HttpDelivery(
            url,
            signing_secret=self.signing_secret,
            clock=self.workspace.clock,
            faults=self.faults,
            ack_timeout_s=self._ack_timeout_s,
        )
        if is_verified and not await http.verify():
            await http.stop()
            raise ValueError(f"the request URL {url!r} did not answer Slack's challenge")
        if self._http is not None:
            await self._http.stop()
        self._http = http
        self._dispatch.transport = http

    def use_transport(self, transport: Transport) -> None:
        """Hand payloads to this instead: a test's own way in to an app."""
        self._dispatch.transport = transport

    # doing

    def user(self, user_id: str) -> Person:
        """Somebody to act as; raises SlackError for nobody."""
        return Person(self.workspace.user(user_id), workspace=self.workspace, interactions=self._interactions)

    def post_as_app(self, app_id: str, channel: str, message: Mapping[str, Any]) -> str:
        """A message of another app, like PagerDuty's: `text`, `blocks`, `attachments`, `thread_ts`; gives its ts."""
        fields = dict(message)
        place = self.workspace.channels[channel]
        posted = self.workspace.post(
            place,
            sender=self.workspace.apps[app_id],
            text=str(fields.pop("text", "")),
            thread_ts=fields.pop("thread_ts", None),
            blocks=fields.pop("blocks", None),
            **fields,
        )
        return str(posted["ts"])

    def edit_as_app(self, channel: str, ts: str, message: Mapping[str, Any]) -> None:
        """Another app edits its own message, as PagerDuty does when an incident moves on."""
        place = self.workspace.channels[channel]
        app = self.workspace.apps[self.workspace.messages.get(channel, ts)["app_id"]]
        self.workspace.edit(place, ts=ts, by=app, **message)

    def invite(self, channel: str, user_id: str, *, by: str | None = None) -> None:
        """Make someone a member of a channel."""
        self.workspace.join(self.workspace.channels[channel], user_id=user_id, inviter=by)

    def set_group_members(self, group_id: str, users: list[str]) -> None:
        """Change who a user group is."""
        self.workspace.set_group_members(group_id, users)

    def emit(self, event: Json) -> str:
        """Send the app an event that did not happen here; gives its event id."""
        return self._events.emit(event)

    def deliver_again(self, event_id: str) -> None:
        """Send an event once more, as Slack does when it lost the acknowledgement; raises KeyError."""
        payload = {one["event_id"]: one for one in self._dispatch.events}[event_id]
        self._dispatch.event(payload)

    def add_scenario(self, scenario: Scenario) -> None:
        """One more button on the page."""
        self._page.scenarios[scenario.id] = scenario

    def status(self, text: str, *, state: Literal["ok", "bad", "unknown"], of: str = "") -> None:
        """What the page says of the outside world; one line for each thing that it is said `of`."""
        self.workspace.changes.tell(Change(kind="status", body={"of": of, "text": text, "state": state}))

    # looking

    def messages(self, channel: str) -> list[Json]:
        """All of a channel, replies too, oldest first."""
        return self.workspace.messages.all_in(channel)

    def thread(self, channel: str, ts: str) -> list[Json]:
        """A root and its replies."""
        return self.workspace.messages.thread(channel, ts)

    def message(self, channel: str, ts: str) -> Json:
        """One message as it is now; raises SlackError when it is gone."""
        return self.workspace.messages.get(channel, ts)

    def ephemerals(self, user_id: str) -> list[Json]:
        """What only this person was shown."""
        return self.workspace.messages.ephemerals_of(user_id)

    def modal(self, user_id: str) -> Json | None:
        """The modal on top of this person's screen."""
        return self.workspace.views.top(user_id)

    def home(self, user_id: str) -> Json | None:
        """This person's Home tab."""
        return self.workspace.views.home(user_id)

    def direct_messages(self, user_id: str) -> list[Json]:
        """What the app and this person wrote to each other."""
        channel = self.workspace.direct_message(self.workspace.app.user_id, user_id)
        return self.workspace.messages.all_in(channel.id)

    @property
    def deliveries(self) -> list[Delivery]:
        """Every try to reach the app, oldest first."""
        return list(self._dispatch.deliveries)

    def events(self, kind: str) -> list[Json]:
        """The events of one type that were sent, each once however often it was tried."""
        sent = {one["event_id"]: one["event"] for one in self._dispatch.events}
        return [event for event in sent.values() if event["type"] == kind]

    async def quiet(self, *, timeout_s: float = WAITS_S) -> None:
        """Return once every event was acknowledged or given up; else TimeoutError."""
        await self.until(
            lambda: self._dispatch.pending == 0, timeout_s=timeout_s, what="all events to be delivered"
        )

    async def until(self, predicate: Callable[[], T], *, timeout_s: float = WAITS_S, what: str = "") -> T:
        """The first true value of `predicate`, looked at after each change, call and delivery; else TimeoutError."""
        return await self.workspace.changes.until(predicate, timeout_s=timeout_s, what=what)

    async def _private_file(self, request: web.Request) -> web.StreamResponse:
        try:
            self._web_api.require_bot(request)
            return await self._uploads.download(request)
        except SlackError as refused:
            return web.json_response(refused.as_json(), status=403 if "auth" in refused.error else 404)

"""One service of the demo on HTTP, on this machine only: for customers, for its keepers, for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.sandbox.demo.payment_api import PaymentApi
from bot.sandbox.demo.payments import RATES, Answer, Payments

Serve = Callable[[web.Request], Awaitable[Answer]]


class ServiceHttp:
    """Serves one service on a free port of 127.0.0.1."""

    def __init__(
        self, path: str, *, serve: Serve, health: Callable[[], Answer], report: Callable[[], str]
    ) -> None:
        """`serve` answers customers at `path`; `health` and `report` are asked by whoever looks after it."""
        self.path = path
        self._serve = serve
        self._health = health
        self._report = report
        self._runner: web.AppRunner | None = None
        self.port = 0
        """Where it listens, once started."""

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_get(self.path, self._customer)
        app.router.add_get("/health", self._asked)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close; harmless when it never started."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _customer(self, request: web.Request) -> web.Response:
        return _told(await self._serve(request))

    async def _asked(self, _request: web.Request) -> web.Response:
        return _told(self._health())

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._report() + "\n")


def payments_http(payments: Payments) -> ServiceHttp:
    """`GET /pay?currency=EUR`."""

    async def pay(request: web.Request) -> Answer:
        currency = request.query.get("currency", "EUR").upper()
        if currency not in RATES:
            return Answer(status=400, words=f"no such currency: {currency[:10]!r}")
        return await payments.pay(currency=currency)

    def report() -> str:
        return "\n".join([payments.report(), "", *list(payments.log)[-20:]])

    return ServiceHttp("/pay", serve=pay, health=payments.health, report=report)


def payment_api_http(service: PaymentApi) -> ServiceHttp:
    """`GET /checkout`, as a load balancer before the pods would answer."""

    async def check_out(_request: web.Request) -> Answer:
        return await service.check_out()

    return ServiceHttp("/checkout", serve=check_out, health=service.health, report=service.report)


def _told(answer: Answer) -> web.Response:
    body = {"status": answer.words} if answer.is_good else {"error": answer.words}
    return web.json_response(body, status=answer.status)

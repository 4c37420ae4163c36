"""The payments service on HTTP, on this machine only: `GET /pay`, `GET /health`, and a plain page of its state."""

from __future__ import annotations

from aiohttp import web

from bot.sandbox.demo.payments import RATES, Answer, Payments


class PaymentsHttp:
    """Serves one payments service on a free port of 127.0.0.1."""

    def __init__(self, payments: Payments) -> None:
        self._payments = payments
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
        app.router.add_get("/pay", self._pay)
        app.router.add_get("/health", self._health)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close; harmless when it never started."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _pay(self, request: web.Request) -> web.Response:
        currency = request.query.get("currency", "EUR").upper()
        if currency not in RATES:
            return web.json_response({"error": f"no such currency: {currency[:10]!r}"}, status=400)
        return _told(await self._payments.pay(currency=currency))

    async def _health(self, _request: web.Request) -> web.Response:
        return _told(self._payments.health())

    async def _page(self, _request: web.Request) -> web.Response:
        lines = [self._payments.report(), "", *list(self._payments.log)[-20:]]
        return web.Response(text="\n".join(lines) + "\n")


def _told(answer: Answer) -> web.Response:
    body = {"status": answer.words} if answer.is_good else {"error": answer.words}
    return web.json_response(body, status=answer.status)

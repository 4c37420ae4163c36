"""`python -m bot`: serve Slack, webhooks, API and the worker in this one process until a signal ends it."""

from __future__ import annotations

import asyncio
import sys

from bot.app import App
from bot.errors import BotError, CatalogError
from bot.settings import Settings

COULD_NOT_RUN = 2


async def serve() -> None:
    """Build and run; every expected reason not to start is a `BotError`."""
    app = await App.build(Settings.load())
    await app.serve()


def main() -> int:
    """The exit code: 0 after a signal, 2 when it could not start."""
    try:
        asyncio.run(serve())
    except CatalogError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        print(f"runbook-bot did not start: {error.message}", file=sys.stderr)
        return COULD_NOT_RUN
    except BotError as error:
        print(f"runbook-bot did not start: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    return 0


if __name__ == "__main__":
    sys.exit(main())

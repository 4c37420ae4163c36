"""`runbookctl demo`: a workspace of one's own, with something in it that breaks and heals."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bot.cli.output import FINE, FOUND_PROBLEMS, put, tell

PAGE_PORT = 3000


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=PAGE_PORT,
    show_default=True,
    help="Where the page is; the next free port when it is taken.",
)
@click.option(
    "--auto",
    "is_auto",
    is_flag=True,
    help="Play it without anybody, print the threads, exit with 0 only if both services are healed.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep journal, runbooks and keys in this new folder.",
)
@click.option(
    "--relapse",
    "relapses",
    is_flag=True,
    help="Let nothing help (payments breaks again after a restart, more pods draw more load), to see steps undone.",
)
def demo(*, port: int, is_auto: bool, keep: Path | None, relapses: bool) -> None:
    """Break two services and heal them by clicking Approve in a Slack thread, all on this machine.

    Starts a local Slack with a page in the browser, a small payments service on a host (over SSH), another in a
    stand-in Kubernetes cluster, and the bot. Nothing leaves this machine and no account is needed. Ctrl-C ends it.
    """
    from bot.sandbox.demo.command import run_alone, run_for_somebody

    if not is_auto:
        run_for_somebody(port=port, keep=keep, relapses=relapses, words=tell)
        return
    is_healed = run_alone(keep=keep, relapses=relapses, out=put, words=tell)
    sys.exit(FINE if is_healed else FOUND_PROBLEMS)

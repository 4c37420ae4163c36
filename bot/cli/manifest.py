"""`runbookctl manifest`: the app manifest to paste into Slack, for Socket Mode or for HTTP."""

from __future__ import annotations

import click

from bot.cli.output import put


@click.command()
@click.option(
    "--http", "http_url", metavar="URL", default="", help="The bot's public https address; HTTP mode."
)
def manifest(*, http_url: str) -> None:
    """Print the app's manifest as YAML: api.slack.com/apps, Create New App, From a manifest.

    Without --http it is for Socket Mode, which needs no public address.
    """
    from bot.slack.manifest import manifest as made
    from bot.slack.manifest import text_of

    put(text_of(made(http_url=http_url)), end="")

"""The `runbookctl` command: which subcommands there are, and what an exit code means.

    0   fine
    1   it ran and found problems
    2   it could not run

Results go to stdout, words about them to stderr. To add a command, write `bot/cli/NAME.py` with a click command
and add its line to `COMMANDS`; nothing is imported until it is called.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any

import click

from bot.errors import BotError, CatalogError

FINE, FOUND_PROBLEMS, COULD_NOT_RUN = 0, 1, 2

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "demo": (
            "bot.cli.demo:demo",
            "A workspace of your own: break a service, heal it by clicking Approve.",
        ),
        "manifest": ("bot.cli.manifest:manifest", "Print the app manifest for Slack."),
        "lint": ("bot.cli.lint:lint", "Check a catalog and show every problem with its line."),
        "rbac": ("bot.cli.rbac:rbac", "Print the ClusterRole that the catalog's kubernetes steps need."),
    }
)
"""Name to where the command is (`module:attribute`) and its one line in the help."""


class LazyGroup(click.Group):
    """A group that knows its commands by a table and imports the one that is called."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]] = COMMANDS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in alphabetical order."""
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now; None when there is none of that name."""
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.table[name][1]) for name in self.list_commands(ctx)])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run and exit; an expected error becomes its sentence and exit code, any other a reference."""
        try:
            return super().main(args, *rest, **extra)
        except CatalogError as error:
            for problem in error.problems:
                click.echo(str(problem))
            _say(error)
            sys.exit(FOUND_PROBLEMS)
        except BotError as error:
            _say(error)
            sys.exit(COULD_NOT_RUN)
        except Exception as error:  # the door of the command line: no unknown error's text gets out by itself
            if "--traceback" in (sys.argv[1:] if args is None else args):
                raise
            reference = uuid.uuid4().hex[:8]
            click.echo(
                f"something unexpected happened ({type(error).__name__}, reference {reference});"
                " run `runbookctl --traceback …` to see it",
                err=True,
            )
            sys.exit(COULD_NOT_RUN)


def _say(error: BotError) -> None:
    click.echo(error.message, err=True)
    if error.hint:
        click.echo(f"hint: {error.hint}", err=True)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--traceback", is_flag=True, help="Show where an unexpected error came from.")
def main(*, traceback: bool) -> None:
    """Runbooks from Slack: check a catalog, try things out, look into runs."""


if __name__ == "__main__":
    main()

"""The `runbookctl` command: which subcommands there are, and what becomes of an error.

What goes to which stream and what an exit code means is `bot.cli.output`'s. To add a command, write
`bot/cli/NAME.py` with a click command and add its line to `SECTIONS`; nothing is imported until it is called. A
command of commands (`run show`) is a `LazyGroup` with a table of its own.
"""

from __future__ import annotations

import errno
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from types import MappingProxyType
from typing import Any

import click

from bot.cli.output import COULD_NOT_RUN, FINE, INTERRUPTED, NOBODY_READS, report, tell
from bot.errors import BotError

Table = Mapping[str, tuple[str, str]]
"""Name to where the command is (`module:attribute`) and its one line in the help."""

SECTIONS: Mapping[str, Table] = MappingProxyType(
    {
        "Try things out": {
            "demo": (
                "bot.cli.demo:demo",
                "A workspace of your own: break a service, heal it by clicking Approve.",
            ),
            "simulate": (
                "bot.cli.simulate:simulate",
                "Print the whole conversation that a page would lead to, touching nothing.",
            ),
        },
        "The catalog": {
            "lint": ("bot.cli.lint:lint", "Check a catalog and show every problem with its line."),
            "list": ("bot.cli.list:list_", "List the runbooks and actions."),
            "show": ("bot.cli.show:show", "Tell one runbook or action: steps, trigger, who approves, undo."),
            "promote": (
                "bot.cli.promote:promote",
                "Let an action or runbook, as it is now, into an environment.",
            ),
        },
        "The running bot": {
            "token": ("bot.cli.token:token", "Mint a token for trying the API out."),
            "start": ("bot.cli.start:start", "Start a runbook, or see what it would do."),
            "cancel": ("bot.cli.cancel:cancel", "Stop a run."),
        },
        "What happened": {
            "history": ("bot.cli.history:history", "List the runs, newest first."),
            "run": ("bot.cli.run:run", "Tell one run: its steps, who decided, what came of it."),
            "diagnose": (
                "bot.cli.diagnose:diagnose",
                "Say what is wrong with a workload in Kubernetes; only reads.",
            ),
            "stats": ("bot.cli.stats:stats", "What becomes of each action, and how long people take."),
            "export": ("bot.cli.export:export", "Tell a run as a Markdown document."),
            "audit": ("bot.cli.audit:audit", "Is the journal whole, and who allowed what."),
        },
        "Set up": {
            "dashboard": (
                "bot.cli.dashboard:dashboard",
                "Print a Grafana dashboard over the bot's metrics.",
            ),
            "manifest": ("bot.cli.manifest:manifest", "Print the app manifest for Slack."),
            "rbac": ("bot.cli.rbac:rbac", "Print the ClusterRole that the catalog's kubernetes steps need."),
            "schema": ("bot.cli.schema:schema", "Print JSON Schema of the catalog's files, for editors."),
            "completion": ("bot.cli.completion:completion", "Print the completion script of your shell."),
        },
    }
)
"""The commands as the help shows them."""

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

COMMANDS: Table = MappingProxyType(
    {name: row for section in SECTIONS.values() for name, row in section.items()}
)


class LazyGroup(click.Group):
    """A group that knows its commands by a table and imports the one that is called."""

    def __init__(
        self,
        *args: Any,
        table: Table | None = None,
        sections: Mapping[str, Table] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections if sections is not None else {"Commands": table or {}}
        self.table = {name: row for section in self.sections.values() for name, row in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the help."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now; None when there is none of that name."""
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; for one that does not exist, the nearest that does."""
        name = args[0]
        if name not in self.table and not name.startswith("-"):
            near = get_close_matches(name, self.table, n=2, cutoff=0.6)
            meant = (
                f"did you mean {' or '.join(sorted(near))}?"
                if near
                else f"there are {', '.join(sorted(self.table))}"
            )
            raise click.UsageError(f"there is no command {name!r}; {meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands by section, from the table alone."""
        width = max(map(len, self.table), default=0)
        for title, table in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", words) for name, (_, words) in table.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that went away is met before click, which would call it a problem found."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _leave_the_pipe()
            ctx.exit(NOBODY_READS)

    def main(  # type: ignore[override]  # nobody gives the rest of click's arguments by position
        self, args: Sequence[str] | None = None, **extra: Any
    ) -> Any:
        """Run and exit; an expected error becomes its sentence and exit code, any other a reference."""
        if not extra.pop("standalone_mode", True):
            return super().main(args, standalone_mode=False, **extra)
        given = list(sys.argv[1:] if args is None else args)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(
                stream, TextIOWrapper
            ):  # a terminal without UTF-8 gets an escape, not a stack trace
                stream.reconfigure(errors="backslashreplace")
        try:
            code = self._run(given, **extra)
            if sys.stdout is not None:  # closed by whoever started us
                sys.stdout.flush()
        except BrokenPipeError:
            _leave_the_pipe()
            code = NOBODY_READS
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            _leave_the_pipe()
            tell(f"the result cannot be written: {error.strerror or error}")
            code = COULD_NOT_RUN
        sys.exit(code)

    def _run(self, given: list[str], **extra: Any) -> Any:
        """The exit code."""
        try:
            code = super().main(given, standalone_mode=False, **extra)
        except SystemExit as end:
            return end.code
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except click.Abort:
            return INTERRUPTED
        except BotError as error:
            return report(error)
        except Exception as error:  # the door of the command line: no unknown error's text gets out by itself
            if "--traceback" in given or getattr(error, "errno", None) in _UNWRITABLE:
                raise
            reference = uuid.uuid4().hex[:8]
            tell(
                f"something unexpected happened ({type(error).__name__}, reference {reference});"
                " run `runbookctl --traceback …` to see it"
            )
            return COULD_NOT_RUN
        return code if isinstance(code, int) else FINE


def _leave_the_pipe() -> None:
    """Let the interpreter's last flush go nowhere, or it would complain about the pipe once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_EPILOG = (
    "Results go to stdout, words about them to stderr. Exit codes: 0 fine, 1 something was found, 2 could not run. "
    "`runbookctl COMMAND --help` tells more; README.md tells it with examples."
)


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--traceback", is_flag=True, help="Show where an unexpected error came from.")
@click.version_option(
    package_name="runbook-bot", message="%(package)s %(version)s", help="Print the version."
)
def main(*, traceback: bool) -> None:
    """Guarded fixes from a Slack thread: write runbooks, try them out, look into what happened."""


if __name__ == "__main__":
    main()

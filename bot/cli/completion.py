"""Shell completion: the script for each shell, and the names that complete where a runbook or action is typed.

A key press must not cost a whole catalog: names are taken from the lines of the files that give them, without
checking anything, and whatever goes wrong completes nothing.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.output import put

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_PROGRAM = "runbookctl"
_SHELLS = ("bash", "zsh", "fish")
_NAME = re.compile(r"""^\s*[{]?\s*["']?(?:name|id)["']?\s*:\s*["']?([^"'\n#,}]+)""", re.MULTILINE)
_MOST_FILES = 5000
_HEAD_BYTES = 4096


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  eval "$(runbookctl completion bash)"      in ~/.bashrc
    zsh:   eval "$(runbookctl completion zsh)"       in ~/.zshrc
    fish:  runbookctl completion fish | source       in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from bot.cli.main import main

    kind = get_completion_class(shell)
    assert kind is not None, "click knows these three shells"
    put(kind(main, {}, _PROGRAM, f"_{_PROGRAM.upper()}_COMPLETE").source())


def runbooks(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:  # noqa: ARG001
    """The runbooks whose names begin so."""
    return _items(_folder(context), begun, ("",))


def actions(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:  # noqa: ARG001
    """The actions whose ids begin so."""
    return _items(_folder(context), begun, ("actions",))


def things(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:  # noqa: ARG001
    """The runbooks and actions whose names begin so."""
    return _items(_folder(context), begun, ("", "actions"))


def services(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:  # noqa: ARG001
    """The services of catalog.yaml whose names begin so."""
    return _keys(_folder(context), "services", begun)


def environments(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:  # noqa: ARG001
    """The environments of catalog.yaml whose names begin so."""
    return _keys(_folder(context), "environments", begun)


def codes(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:  # noqa: ARG001
    """The codes of lint that begin so, each with what it is."""
    from click.shell_completion import CompletionItem

    from bot.catalog.codes import CODES

    return [
        CompletionItem(code, help=known.title)
        for code, known in CODES.items()
        if code.startswith(begun.upper())
    ]


def _folder(context: click.Context) -> Path:
    from bot.settings import catalog_folder

    return Path(context.params.get("folder") or catalog_folder())


def _items(folder: Path, begun: str, below: tuple[str, ...]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    found: list[str] = []
    with suppress(OSError):
        for part in below:
            files = sorted((folder / part).glob("[!.]*.*"))[:_MOST_FILES]
            found += [name for file in files if (name := _name_in(file))]
    return [CompletionItem(name) for name in sorted(set(found)) if name.startswith(begun)]


def _keys(folder: Path, section: str, begun: str) -> list[CompletionItem]:
    """The names right below one key of catalog.yaml, as it is usually indented."""
    from click.shell_completion import CompletionItem

    text = ""
    with suppress(OSError):
        for file in sorted(folder.glob("catalog.y*ml")):
            text = file.read_text(encoding="utf-8", errors="replace")
    below = re.search(rf"^{section}:[^\n]*\n((?:[ #][^\n]*\n|\n)*)", text + "\n", re.MULTILINE)
    lines = below.group(1) if below else ""
    indent = min(
        (len(line) - len(line.lstrip()) for line in re.findall(r"^ +[^\s#].*$", lines, re.MULTILINE)),
        default=2,
    )
    found = re.findall(rf"^ {{{indent}}}[\"']?([^\s\"'#:][^\"'#:]*)[\"']?:", lines, re.MULTILINE)
    return [CompletionItem(name) for name in sorted(set(found)) if name.startswith(begun)]


def _name_in(file: Path) -> str:
    """The name that the first lines give; "" for a file that is none of ours or cannot be read."""
    if file.suffix not in (".yaml", ".yml", ".json") or file.stem in ("catalog", "promotions"):
        return ""
    with suppress(OSError), file.open("rb") as stream:
        head = stream.read(_HEAD_BYTES).decode("utf-8", "replace")
        if match := _NAME.search(head):
            return match.group(1).strip()
    return ""

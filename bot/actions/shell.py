"""The `shell` step's input; see the class below."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from bot.actions.base import ActionInput
from bot.actions.tools import Tools
from bot.catalog.templating import Place


class ShellInput(ActionInput):
    """One command line, and where it runs."""

    command: Annotated[str, Place.SHELL, Field(min_length=1, max_length=32_768)] = Field(
        description="A POSIX shell command line; placeholders are whole words, already quoted"
    )
    host: str | None = Field(
        default=None, description="A host of catalog.yaml; else the service's, else the default host"
    )
    hosts: tuple[str, ...] | str | None = Field(
        default=None, description="Several hosts or host groups, one after the other; the first that fails stops"
    )
    read_only: bool = Field(default=False, description="The author's word that this only looks and changes nothing")

    @model_validator(mode="after")
    def _one_way_to_name_hosts(self) -> Self:
        if self.host is not None and self.hosts is not None:
            raise ValueError("say host or hosts, not both")
        if self.hosts is not None and not self.hosts:
            raise ValueError("hosts names no host")
        return self


class ShellAction:
    """Under construction in this commit: only its input is known."""

    type: ClassVar[str] = "shell"
    Input: ClassVar[type[ActionInput]] = ShellInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

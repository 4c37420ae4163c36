"""The `python` step's input; see the class below."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, JsonValue

from bot.actions.base import ActionInput, InputModel
from bot.actions.tools import Tools
from bot.catalog.templating import Place


class PythonInput(ActionInput):
    """One function of `runbooks/actions/*.py`, called with these arguments."""

    function: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$")] = Field(
        description="`file.function`: `cache.clear` is `clear` in runbooks/actions/cache.py"
    )
    arguments: Annotated[dict[str, JsonValue], Place.JSON] = Field(
        default_factory=dict, description="Keyword arguments"
    )
    host: str | None = Field(
        default=None,
        description="Where the function's `shell` runs; else the service's, else the default host",
    )


class PythonAction:
    """Under construction in this commit: only its input is known."""

    type: ClassVar[str] = "python"
    Input: ClassVar[InputModel] = PythonInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

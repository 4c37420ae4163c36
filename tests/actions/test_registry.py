"""The table of types: cheap to read, and open for one more line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.actions import registry
from bot.errors import BadInput
from tests.fakes.actions import Bench, Told

_NEW_TYPE = """
from bot.actions.base import ActionInput, Outcome, Plan, Seen, Target, Undo

class Input(ActionInput):
    words: str

class EchoAction:
    type = "echo"
    Input = Input

    def __init__(self, tools):
        self.tools = tools

    async def plan(self, given, scope):
        return Plan(type="echo", input=given.model_dump(), targets=(Target(kind="local", name="x"),),
                    text="echo", will_run=(given.words,), changes=False, undo=Undo(text="nothing to undo"))

    async def execute(self, plan, progress):
        return Outcome(verdict="succeeded", effect="none", summary="said", output=plan.input["words"])

    async def dry_run(self, plan):
        return Outcome(verdict="succeeded", effect="none", summary="would say it")

    async def probe(self, plan):
        return Seen(text="nothing to see", observable=False)
"""


def test_reading_every_input_loads_no_client_library() -> None:
    code = (
        "import sys; from bot.actions.registry import input_models; input_models(); "
        "print([m for m in ('asyncssh', 'aiohttp', 'kubernetes', 'slack_sdk', 'slack_bolt') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_new_type_is_one_file_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "echo_action.py").write_text(_NEW_TYPE)
    monkeypatch.syspath_prepend(tmp_path)
    types = {**registry.TYPES, "echo": "echo_action:EchoAction"}

    assert set(registry.input_models(types)) == {*registry.TYPES, "echo"}
    bench = Bench()
    action = registry.build("echo", bench.tools, types)
    plan = await action.plan(action.Input.model_validate({"words": "hello"}), bench.scope())
    assert (await action.execute(plan, Told())).output == "hello"


def test_an_unknown_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match="no step type 'ansible'") as caught:
        registry.action_class("ansible")
    assert "kubernetes" in caught.value.hint


def test_each_type_is_registered_under_its_own_name() -> None:
    assert all(registry.action_class(name).type == name for name in registry.TYPES)

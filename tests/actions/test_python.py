"""Python steps: read without running, run in a child that can be ended, commands by the step's rules."""

from __future__ import annotations

import asyncio
import textwrap
from pathlib import Path
from typing import Any

import pytest

from bot.actions.base import Outcome, Plan
from bot.actions.python import PythonAction
from bot.actions.python_source import discover
from bot.errors import ActionFailed, BadInput, NotPermitted
from tests.fakes.actions import STAGING, Bench, Told, catalog, short
from tests.fakes.processes import wait_for

_HEAD = "from bot.guard import require_confirmation, allowed_envs, shell\n"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "actions").mkdir()
    return Bench(
        catalog=catalog(
            services={},
            python_actions=True,
            allow_local_shell=True,
            local_environment=STAGING,
            root=str(tmp_path),
        )
    )


def write(bench: Bench, source: str, name: str = "ops") -> Path:
    path = Path(bench.catalog.root) / "actions" / f"{name}.py"
    path.write_text(_HEAD + textwrap.dedent(source))
    return path


async def planned(bench: Bench, function: str = "ops.act", **arguments: Any) -> Plan:
    action = PythonAction(bench.tools)
    given = action.Input.model_validate({"function": function, "arguments": arguments})
    return await action.plan(given, bench.scope())


async def ran(bench: Bench, *, timeout_s: float = 10, told: Told | None = None, **arguments: Any) -> Outcome:
    plan = short(await planned(bench, **arguments), timeout_s)
    return await PythonAction(bench.tools).execute(plan, told or Told())


# ---------------------------------------------------------------- planning


async def test_planning_reads_the_marks_and_runs_nothing(bench: Bench, tmp_path: Path) -> None:
    write(
        bench,
        f"""
        open({str(tmp_path / "ran")!r}, "w")

        @require_confirmation(message="Clear it?", timeout=300)
        @allowed_envs(["staging"])
        def act(pattern, limit=10): ...
        """,
    )
    plan = await planned(bench, pattern="a*")
    assert plan.text == "Clear it?"
    assert plan.will_run == ("local: ops.act(pattern='a*')",)
    assert plan.decide_within_s == 300
    assert [target.environment for target in plan.targets] == ["staging"]
    assert set(plan.guarded["sources"]) == {"ops"}
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def act(): ...", "no function act marked"),
        ("@require_confirmation()\ndef other(): ...", "no function act marked"),
        ("def act(:", "cannot be read as Python"),
        ("@require_confirmation(message=str(1))\ndef act(): ...", "written out"),
        ("@require_confirmation()\ndef act(a, /): ...", "positional-only"),
        ("@require_confirmation()\ndef act(a): ...", "needs the arguments a"),
    ],
)
async def test_what_cannot_be_a_step_is_refused(bench: Bench, source: str, words: str) -> None:
    write(bench, source)
    with pytest.raises(BadInput, match=words):
        await planned(bench)


async def test_unknown_arguments_are_refused_and_kwargs_take_any(bench: Bench) -> None:
    write(bench, "@require_confirmation()\ndef act(a=1): ...")
    with pytest.raises(BadInput, match="takes no argument b"):
        await planned(bench, b=2)
    write(bench, "@require_confirmation()\ndef act(**rest): ...")
    await planned(bench, b=2)


async def test_an_environment_that_is_not_allowed_is_refused(bench: Bench) -> None:
    write(bench, '@require_confirmation()\n@allowed_envs(["prod"])\ndef act(): ...')
    with pytest.raises(NotPermitted, match="may run in prod"):
        await planned(bench)


async def test_python_actions_are_off_unless_the_catalog_says_otherwise(bench: Bench) -> None:
    write(bench, "@require_confirmation()\ndef act(): ...")
    bench.catalog = bench.catalog.model_copy(update={"python_actions": False})
    with pytest.raises(NotPermitted, match="are off"):
        await planned(bench)


def test_a_file_name_cannot_leave_the_folder() -> None:
    for function in ("../x.act", "a/b.act", "a.b.c", "act", ".act", "a.act()"):
        with pytest.raises(ValueError, match="pattern"):
            PythonAction.Input.model_validate({"function": function})


async def test_a_changed_neighbour_is_another_digest_and_is_not_run(bench: Bench) -> None:
    write(bench, "VALUE = 1", name="shared")
    write(bench, "import shared\n@require_confirmation()\ndef act(): return shared.VALUE")
    plan = await planned(bench)
    write(bench, "VALUE = 2", name="shared")
    assert (await planned(bench)).digest != plan.digest
    with pytest.raises(ActionFailed, match="not the one that was approved") as caught:
        await PythonAction(bench.tools).execute(plan, Told())
    assert caught.value.effect == "none"


def test_marks_are_found_under_both_names() -> None:
    source = """
from bot import guard
from bot.guard import require_confirmation

@guard.require_confirmation("Sure?", 60)
@guard.allowed_envs(environments=("staging", "dev"))
async def one(a, *, b, c=2): ...

@require_confirmation(timeout=5)
def two(): ...

def three(): ...
"""
    found = discover(source)
    assert set(found) == {"one", "two"}
    one = found["one"]
    assert (one.message, one.decide_within_s, one.environments) == ("Sure?", 60.0, ("staging", "dev"))
    assert (one.required, one.optional) == (("a", "b"), ("c",))


# ---------------------------------------------------------------- running


async def test_it_returns_and_its_words_are_the_output(bench: Bench) -> None:
    write(bench, "@require_confirmation()\ndef act(n):\n    print('working')\n    return {'done': n}")
    told = Told()
    outcome = await ran(bench, told=told, n=3)
    assert (outcome.verdict, outcome.effect) == ("succeeded", "applied")
    assert outcome.output == 'working\n{"done": 3}'
    assert "working" in told.text


async def test_a_coroutine_works_the_same(bench: Bench) -> None:
    write(
        bench,
        """
        import asyncio
        @require_confirmation()
        @allowed_envs(["staging"])
        async def act():
            return await asyncio.to_thread(shell, ["printf", "%s", "a b"])
        """,
    )
    outcome = await ran(bench)
    assert outcome.verdict == "succeeded"
    assert outcome.output == "[local] $ printf %s 'a b'\na ba b"


async def test_an_exception_is_partial_and_told_with_its_own_lines(bench: Bench) -> None:
    write(bench, "@require_confirmation()\ndef act():\n    raise ValueError('no such thing')")
    outcome = await ran(bench)
    assert (outcome.verdict, outcome.effect) == ("failed", "partial")
    assert "ValueError: no such thing" in outcome.summary
    assert "ops.py" in outcome.output
    assert "python_child" not in outcome.output


async def test_a_module_that_cannot_be_loaded_did_nothing(bench: Bench) -> None:
    write(bench, "import nothing_like_this\n@require_confirmation()\ndef act(): ...")
    outcome = await ran(bench)
    assert (outcome.verdict, outcome.effect) == ("failed", "none")
    assert "nothing_like_this" in outcome.summary


async def test_leaving_without_an_answer_is_failed_with_unknown_effect(bench: Bench) -> None:
    write(bench, "import os\n@require_confirmation()\ndef act(): os._exit(0)")
    outcome = await ran(bench)
    assert (outcome.verdict, outcome.effect) == ("failed", "unknown")


async def test_sys_exit_is_an_exception_like_any_other(bench: Bench) -> None:
    write(bench, "import sys\n@require_confirmation()\ndef act(): sys.exit(0)")
    assert (await ran(bench)).verdict == "failed"


async def test_a_busy_function_and_its_children_end_with_the_deadline(bench: Bench, tmp_path: Path) -> None:
    write(
        bench,
        """
        import os, subprocess
        @require_confirmation()
        def act(pids):
            child = subprocess.Popen(["sleep", "300"])
            open(pids, "w").write(f"{os.getpid()} {child.pid}")
            while True:
                try:
                    while True: pass
                except BaseException:
                    pass
        """,
    )
    outcome = await ran(bench, timeout_s=6, pids=str(tmp_path / "pids"))
    assert (outcome.verdict, outcome.effect) == ("failed", "unknown")
    for pid in (tmp_path / "pids").read_text().split():
        await asyncio.to_thread(wait_for, lambda pid=pid: not is_running(pid), "the child ending")  # type: ignore[misc]


async def test_a_stop_ends_the_function_and_the_command_it_waits_for(bench: Bench, tmp_path: Path) -> None:
    write(bench, "@require_confirmation()\ndef act(pid):\n    shell(f'echo $$ > {pid}; sleep 300')")
    told = Told()
    pid = tmp_path / "pid"
    running = asyncio.create_task(ran(bench, told=told, pid=str(pid)))
    await asyncio.to_thread(wait_for, lambda: pid.exists() and bool(pid.read_text()), "the command starting")
    told.stop.set()
    outcome = await running
    assert (outcome.verdict, outcome.effect) == ("failed", "unknown")
    await asyncio.to_thread(wait_for, lambda: not is_running(pid.read_text().strip()), "the command ending")


async def test_a_failed_command_raises_in_the_function(bench: Bench) -> None:
    write(
        bench,
        """
        from bot.guard import CommandFailed
        @require_confirmation()
        def act():
            try:
                shell("echo words; exit 3")
            except CommandFailed as error:
                return f"{error.status} {error.output.strip()}"
        """,
    )
    outcome = await ran(bench)
    assert outcome.verdict == "succeeded"
    assert outcome.output.endswith("3 words")


async def test_a_function_without_a_host_has_no_shell_unless_it_is_allowed(bench: Bench) -> None:
    write(bench, "@require_confirmation()\ndef act(): return shell('id')")
    plan = await planned(bench)
    bench.catalog = bench.catalog.model_copy(update={"allow_local_shell": False})
    outcome = await PythonAction(bench.tools).execute(plan, Told())
    assert (outcome.verdict, outcome.effect) == ("failed", "partial")
    assert "own machine runs no commands" in outcome.summary


async def test_the_child_sees_none_of_our_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-not-for-you")
    write(bench, "import os\n@require_confirmation()\ndef act(): return dict(os.environ)")
    assert "xoxb" not in (await ran(bench)).output


async def test_the_child_ends_when_we_are_gone(bench: Bench, tmp_path: Path) -> None:
    write(
        bench,
        """
        import os, time
        @require_confirmation()
        def act(pid):
            open(pid, "w").write(str(os.getpid()))
            time.sleep(300)
        """,
    )
    pid = tmp_path / "pid"
    running = asyncio.create_task(ran(bench, pid=str(pid)))
    await asyncio.to_thread(wait_for, lambda: pid.exists() and bool(pid.read_text()), "the function starting")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.to_thread(wait_for, lambda: not is_running(pid.read_text()), "the child ending")


def is_running(pid: str) -> bool:
    """Whether a process runs; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False

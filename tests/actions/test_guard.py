"""The marks of Python actions: nothing marked runs outside an approved run."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bot.errors import NotPermitted
from bot.guard import Approval, CommandFailed, allowed_envs, approved, require_confirmation, shell


def approval(environment: str = "staging") -> Approval:
    def run(command: str) -> str:
        if command == "false":
            raise CommandFailed("'false' ended with exit status 1", status=1)
        return f"ran {command}"

    return Approval(environment=environment, run_command=run)


@require_confirmation(message="Sure?", timeout=60)
@allowed_envs(["staging", "dev"])
def act(word: str = "x") -> str:
    """What it does."""
    return shell(["echo", word])


@allowed_envs(["staging"])
@require_confirmation()
async def act_later() -> str:
    await asyncio.sleep(0)
    return shell("uptime")


def test_a_marked_function_called_directly_is_refused() -> None:
    with pytest.raises(NotPermitted, match="only inside an approved run"):
        act()


async def test_a_marked_coroutine_is_refused_when_awaited() -> None:
    with pytest.raises(NotPermitted, match="only inside an approved run"):
        await act_later()


def test_shell_outside_an_approved_run_is_refused() -> None:
    with pytest.raises(NotPermitted):
        shell("uptime")


def test_inside_an_approved_run_it_works_and_a_list_is_quoted() -> None:
    with approved(approval()):
        assert act("a b; c") == "ran echo 'a b; c'"
    with pytest.raises(NotPermitted):
        act()


async def test_coroutines_and_their_threads_inherit_the_approval() -> None:
    with approved(approval()):
        assert await act_later() == "ran uptime"
        assert await asyncio.to_thread(act) == "ran echo x"
        assert await asyncio.create_task(act_later()) == "ran uptime"


def test_a_bare_thread_does_not() -> None:
    caught: list[Exception] = []

    def call() -> None:
        try:
            act()
        except NotPermitted as error:
            caught.append(error)

    with approved(approval()):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
    assert len(caught) == 1


def test_another_environment_is_refused_with_the_allowed_ones() -> None:
    with (
        approved(approval("prod")),
        pytest.raises(NotPermitted, match="may run in staging, dev, not in prod"),
    ):
        act()


def test_a_failed_command_raises_with_its_status() -> None:
    with approved(approval()), pytest.raises(CommandFailed) as caught:
        shell("false")
    assert caught.value.status == 1


def test_marks_keep_the_functions_name_and_words() -> None:
    assert (act.__name__, act.__doc__) == ("act", "What it does.")
    assert asyncio.iscoroutinefunction(act_later)


def test_marks_with_nonsense_are_refused_when_written() -> None:
    with pytest.raises(ValueError, match="list of environments"):
        allowed_envs("staging")
    with pytest.raises(ValueError, match="list of environments"):
        allowed_envs([])
    with pytest.raises(ValueError, match="above zero"):
        require_confirmation(timeout=0)

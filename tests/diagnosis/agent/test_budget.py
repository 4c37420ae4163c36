"""A model that loops, hangs, is busy or talks nonsense costs no more than was allowed, and it is said what it did."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bot.diagnosis.agent import Agent, Endpoint, Limits, Opinion
from bot.diagnosis.findings import analyze
from tests.diagnosis.agent.ground import KEY, LOG, OFFERS, REDACTOR, ask, cause, looks_at, out_of_memory
from tests.fakes.model_server import Json, ModelServer, Reply, Script, calls, report

GOOD = report(hypotheses=[cause()])


async def played(script: Script, **limits: Any) -> tuple[Opinion, ModelServer]:
    async with ModelServer(script=script) as server:
        return await ask(server, out_of_memory(), **limits), server


async def test_a_model_that_only_looks_is_ended_after_its_requests() -> None:
    found, server = await played([calls("item", name=LOG)], requests=4)
    assert found.nothing == "it gave no answer within 4 requests"
    assert len(server.requests) == 4


async def test_in_the_last_request_there_is_nothing_left_but_to_answer() -> None:
    def looks_while_it_can(asked: Json, number: int) -> Reply:
        names = {tool["function"]["name"] for tool in asked["tools"]}
        return calls("item", name=LOG) if "item" in names else GOOD

    found, server = await played(looks_while_it_can, requests=4)
    assert len(found.hypotheses) == 1
    assert len(server.requests) == 4
    assert [tool["function"]["name"] for tool in server.requests[-1]["tools"]] == ["report"]


async def test_looks_are_counted_however_many_a_model_asks_for_at_once() -> None:
    many = Reply(calls=tuple(("item", {"name": LOG}) for _ in range(40)))
    found, server = await played([many, GOOD])
    answers = server.answers_of_tools
    assert len(found.hypotheses) == 1
    assert len(answers) == 40
    assert sum("looks are used up" in one for one in answers) == 28


async def test_tools_that_do_not_exist_are_refused_and_what_follows_is_taken() -> None:
    found, server = await played([calls("exec", command="rm -rf /"), GOOD])
    assert len(found.hypotheses) == 1
    assert "Unknown tool name: 'exec'" in json.dumps(server.requests[1], ensure_ascii=False)


async def test_a_model_that_insists_on_tools_that_do_not_exist_gives_nothing() -> None:
    found, server = await played([calls("kubectl", args="delete pods --all")])
    assert found.nothing in ("its answers cannot be used", "it gave no answer within 8 requests")
    assert len(server.requests) <= 8


@pytest.mark.parametrize(
    "arguments", ["no json", "[]", '{"kind": 5, "name": {"a": 1}}', '{"nothing": true}', '{"kind": null}']
)
async def test_nonsense_as_arguments_is_sent_back_at_most_twice(arguments: str) -> None:
    found, server = await played([Reply(calls=(("describe", arguments),))])
    assert found.nothing in ("its answers cannot be used", "it gave no answer within 8 requests")
    assert len(server.requests) <= 8


async def test_an_answer_of_the_wrong_shape_is_sent_back_and_the_right_one_taken() -> None:
    found, server = await played([Reply(calls=(("report", {"verdict": "fine"}),)), GOOD])
    assert len(found.hypotheses) == 1
    assert len(server.requests) == 2


async def test_a_model_that_only_talks_gives_nothing() -> None:
    found, _ = await played([Reply(text="I would restart it. Shall I?")])
    assert found.nothing == "its answers cannot be used"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in</html>",
        b"null",
        b"[]",
        b'{"choices": []}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": "many"}',
        b'{"id": 5, "choices": [{"message": {"tool_calls": [{"function": 3}]}}]}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_an_endpoint_that_answers_nonsense_gives_nothing(body: bytes) -> None:
    found, server = await played([Reply(raw=body)])
    assert found.nothing
    assert found.hypotheses == ()
    assert len(server.requests) <= 8


async def test_an_answer_without_end_is_given_up() -> None:
    found, _ = await played([Reply(raw=b'{"id": "' + b"x" * 3_000_000)])
    assert found.nothing == "its answer is too long"


async def test_an_answer_that_was_compressed_is_not_unpacked() -> None:
    found, server = await played([Reply(raw=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})])
    assert found.nothing == "its endpoint answers in a form that was not asked for"
    assert server.headers[0]["Accept-Encoding"] == "identity"


async def test_an_endpoint_that_says_nothing_is_left_when_the_time_is_up() -> None:
    found, _ = await played([Reply(is_silent=True)], time_s=0.4)
    assert found.nothing in ("it gave no answer within 0.4 s", "its endpoint did not answer in time")


async def test_a_busy_endpoint_is_asked_again_when_it_says_so() -> None:
    busy = Reply(status=429, headers={"Retry-After": "0"})
    found, server = await played([busy, busy, GOOD])
    assert len(found.hypotheses) == 1
    assert found.requests == len(server.requests) == 3


async def test_an_endpoint_that_stays_busy_is_said_to_be_and_every_request_counts() -> None:
    found, server = await played([Reply(status=429, headers={"Retry-After": "0"})], requests=3)
    assert found.nothing == "its endpoint is busy (429)"
    assert len(server.requests) == 3


async def test_waiting_for_a_busy_endpoint_ends_with_the_time() -> None:
    found, server = await played([Reply(status=429, headers={"Retry-After": "3600"})], time_s=4.0)
    assert found.nothing == "it gave no answer within 4 s: its endpoint is busy (429)"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (401, "its endpoint refuses the key (401)"),
        (403, "its endpoint refuses the key (403)"),
        (404, "its endpoint does not know the model or the address (404)"),
        (400, "its endpoint answered 400"),
        (500, "its endpoint answered 500"),
    ],
)
async def test_what_an_endpoint_refuses_is_said_and_not_tried_again(status: int, why: str) -> None:
    found, server = await played([Reply(status=status)])
    assert found.nothing == why
    assert len(server.requests) == 1


async def test_an_endpoint_that_points_elsewhere_is_not_followed() -> None:
    async with ModelServer(script=[GOOD]) as other:
        moved = Reply(status=307, raw=b"", headers={"Location": f"{other.url}/v1/chat/completions"})
        found, _ = await played([moved])
        assert other.requests == []
    assert found.nothing == "its endpoint points elsewhere (307), which is not followed"


async def test_an_endpoint_that_is_not_there_is_said() -> None:
    async with ModelServer(script=[GOOD]) as server:
        pass
    evidence = out_of_memory()
    agent = Agent(
        endpoint=Endpoint(model="m", key=KEY, url=f"{server.url}/v1"), limits=Limits(), redactor=REDACTOR
    )
    found = await agent.opinion(evidence, analyze(evidence), looks=looks_at(evidence), offers=OFFERS)
    assert found.nothing == "its endpoint cannot be reached"


async def test_tokens_are_counted_as_the_endpoint_says() -> None:
    hungry = Reply(calls=(("item", {"name": LOG}),), tokens=9_000)
    found, server = await played([hungry], tokens=20_000)
    assert found.nothing == "it would have used more than 20000 tokens"
    assert len(server.requests) == 2
    assert found.tokens == 18_000


async def test_tokens_are_counted_by_size_where_the_endpoint_does_not_say() -> None:
    mute = Reply(calls=(("item", {"name": LOG}),), tokens=None)
    found, server = await played([mute], tokens=5_000)
    assert found.nothing == "it would have used more than 5000 tokens"
    assert 0 < len(server.requests) < 8
    assert found.tokens <= 5_000


async def test_an_opinion_can_be_called_off() -> None:
    async with ModelServer(script=[Reply(is_silent=True)]) as server:
        asking = asyncio.create_task(ask(server, out_of_memory()))
        await server.was_asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_nothing_is_asked_where_nothing_was_read() -> None:
    evidence = out_of_memory().__class__(subject=out_of_memory().subject, taken_at=out_of_memory().taken_at)
    async with ModelServer(script=[GOOD]) as server:
        found = await ask(server, evidence)
        assert server.requests == []
    assert found.nothing == "nothing was read that it could be asked about"


def test_the_library_is_loaded_by_nothing_but_an_opinion(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys, bot.app, bot.cli.main, bot.diagnosis.agent;"
        "print([name for name in ('pydantic_ai', 'openai', 'anthropic', 'httpx2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_extra_everything_else_works_and_it_is_said_what_is_missing(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = """
import asyncio, sys

class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        is_absent = name.partition(".")[0] in ("pydantic_ai", "openai", "anthropic", "httpx2")
        return None if is_absent else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
import bot.app, bot.cli.main
from tests.diagnosis.agent.ground import ask, out_of_memory

class Server:
    url = "http://127.0.0.1:1"

print(asyncio.run(ask(Server(), out_of_memory())).nothing)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "what speaks to models is not installed: pip install -e '.[ai]'"

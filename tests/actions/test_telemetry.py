"""Redaction, logs and metrics: what leaves the process carries no secret."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
from collections.abc import Iterator
from time import thread_time
from urllib.parse import quote

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from bot.telemetry import REDACTED, Redactor, configure_logging
from tests.fakes.patience import PATIENCE_S

SECRET = "hunter2/s€cret+value"


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"a {SECRET} b",
        quote(SECRET, safe=""),
        quote(SECRET),
        json.dumps({"x": SECRET}),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"u:{SECRET}".encode()).decode(),
        base64.b64encode(f"us:{SECRET}:x".encode()).decode(),
        base64.urlsafe_b64encode(f"user:{SECRET}".encode()).decode(),
    ],
)
def test_a_known_value_is_hidden_in_every_form_programs_print(text: str) -> None:
    shown, was_redacted = Redactor([SECRET]).redact(text)
    assert was_redacted
    assert REDACTED in shown
    assert SECRET not in shown
    assert "unter2" not in shown


@given(before=st.binary(max_size=9), value=st.text(min_size=8, max_size=40), after=st.binary(max_size=9))
def test_a_value_inside_base64_is_hidden_wherever_it_starts(before: bytes, value: str, after: bytes) -> None:
    value = value.strip()
    if len(value.encode()) < 8:
        return
    whole = base64.b64encode(before + value.encode() + after).decode()
    assert Redactor([value]).redact(whole)[1]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key AKIAIOSFODNN7EXAMPLE here", f"key {REDACTED} here"),
        ("xoxb-123456789012-abcdefghij", REDACTED),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", REDACTED),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln", REDACTED),
        ("password=abc123 next", f"password={REDACTED} next"),
        ('{"password": "a b c", "x": 1}', f'{{"password": {REDACTED}, "x": 1}}'),
        ("DB_PASSWORD: s3cr3t", f"DB_PASSWORD: {REDACTED}"),
        ("mysql --password hunter2", f"mysql --password {REDACTED}"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {REDACTED}"),
        ("authorization: Basic dXNlcg==", f"authorization: Basic {REDACTED}"),
        ("curl https://u:pw@host/x", f"curl https://u:{REDACTED}@host/x"),
        ("Set-Cookie: session=1; Path=/", f"Set-Cookie: {REDACTED}"),
        ("https://hooks.slack.com/services/T0/B0/abcdefghij", f"https://hooks.slack.com/services/{REDACTED}"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\nafter",
            f"{REDACTED}\nafter",
        ),
        ("-----BEGIN PRIVATE KEY-----\nabc and no end", REDACTED),
    ],
)
def test_what_has_the_shape_of_a_credential_is_hidden(text: str, shown: str) -> None:
    assert Redactor().redact(text) == (shown, True)


@pytest.mark.parametrize(
    "text",
    [
        "OK",
        "5 tokens used",
        "the token is gone",
        "password: none",
        "secret=true",
        "ssh://git@github.com/x.git",
        "replicas: 3",
        "ts=1700000000.000100",
        "token=[redacted]",
        "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert Redactor([SECRET]).redact(text) == (text, False)


def test_redacting_twice_changes_nothing_more() -> None:
    once, _ = Redactor([SECRET]).redact(f"password={SECRET} https://u:p@h Authorization: Bearer {SECRET}")
    assert Redactor([SECRET]).redact(once)[0] == once


def test_short_values_are_not_looked_for_and_lines_of_long_ones_are() -> None:
    redactor = Redactor(["ab", "", "first line of it\nsecond line of it"])
    assert redactor.redact("ab") == ("ab", False)
    assert redactor.redact("x second line of it y") == (f"x {REDACTED} y", True)


@pytest.mark.parametrize(
    "piece",
    [
        "eyJ-",
        "password=",
        'password="',
        "://a:",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "xoxb-",
        "bearer ",
        "token",
        "sk-",
        "Cookie: ",
    ],
)
def test_hostile_text_does_not_cost_more_than_its_length(piece: str) -> None:
    text = piece * (400_000 // len(piece))
    began = thread_time()
    Redactor([SECRET]).redact(text)
    # A tenth of a second of this thread's own time; one quadratic pattern makes it minutes.
    assert thread_time() - began < 10


@given(st.lists(st.integers(1, 40), max_size=30))
def test_a_stream_shows_no_secret_in_halves(cuts: list[int]) -> None:
    text = (
        f"start {SECRET}\nmiddle password=abc123 x\n-----BEGIN PRIVATE KEY-----\nMIIabc\nMIIdef\n"
        f"-----END PRIVATE KEY-----\nend {SECRET}"
    )
    lines = Redactor([SECRET]).lines()
    shown, rest = "", text
    for cut in cuts:
        shown += lines.feed(rest[:cut])
        rest = rest[cut:]
    shown += lines.feed(rest) + lines.finish()
    for hidden in (SECRET, "abc123", "MIIabc", "MIIdef"):
        assert hidden not in shown
    assert "start" in shown
    assert "middle" in shown
    assert "end" in shown
    assert lines.was_redacted


def test_an_endless_line_is_handed_on_in_pieces() -> None:
    lines = Redactor().lines()
    shown = lines.feed("word " * 20_000)
    assert len(shown) > 60_000
    assert shown + lines.finish() == "word " * 20_000


# ---------------------------------------------------------------- logs and metrics


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_logs_are_redacted_whoever_writes_them(log: io.StringIO) -> None:
    configure_logging(Redactor([SECRET]), as_json=True, stream=log)
    structlog.get_logger("bot").info("connecting", url=f"https://u:p@h/{SECRET}", nested={"a": [SECRET]})
    logging.getLogger("library").warning("sent %s", SECRET)
    try:
        raise ValueError(f"broken by {SECRET}")
    except ValueError:
        structlog.get_logger("bot").exception("it broke", error=ValueError(SECRET))
    written = log.getvalue()
    assert SECRET not in written
    assert [json.loads(line)["event"] for line in written.splitlines()] == [
        "connecting",
        f"sent {REDACTED}",
        "it broke",
    ]
    assert "ValueError" in written


def test_logs_for_people_are_one_line_each(log: io.StringIO) -> None:
    configure_logging(Redactor([SECRET]), stream=log)
    structlog.get_logger("bot").info("connecting", host="web-1", token=SECRET)
    line = log.getvalue()
    assert "event=connecting" in line
    assert "host=web-1" in line
    assert SECRET not in line


@pytest.mark.parametrize("level", ["info", "warning"])
async def test_what_is_no_http_is_one_quiet_line(log: io.StringIO, level: str) -> None:
    configure_logging(Redactor([]), level=level, as_json=True, stream=log)
    async with TestServer(web.Application()) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"GET / HTTP/1.1\r\nAuthorization: " + b"a" * 20_000 + b"\r\n\r\n")
        writer.write_eof()
        await asyncio.wait_for(reader.read(), timeout=PATIENCE_S)
        writer.close()
        await writer.wait_closed()
    told = [json.loads(line) for line in log.getvalue().splitlines() if "aiohttp.server" in line]
    assert all(one["level"] == "info" and "exception" not in one for one in told)
    assert [one["event"].partition(":")[0] for one in told] == (
        ["a request that could not be read was refused"] if level == "info" else []
    )

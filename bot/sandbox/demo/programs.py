"""The programs of the demo's host: a fixed table, each written here; there is no shell and nothing else to run.

A line is one program, or several joined by `&&`. Whatever else a shell would understand is refused, an unknown
program is 127 as everywhere.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from bot.sandbox.demo.payments import (
    FEWEST_WORKERS,
    MOST_WORKERS,
    PROVIDERS,
    RELEASES,
    Payments,
)

Write = Callable[[str], None]
"""Takes one line of output, without its end."""
Program = Callable[[Payments, Sequence[str], Write], Awaitable[int]]

LOG = "/var/log/payments.log"
NOT_FOUND, WRONG_USE = 127, 2
_NO_SHELL = set("();<>|&`$")


async def run_line(payments: Payments, line: str, write: Write) -> int:
    """Run a command line; its exit status, 127 for a program that is not in the table."""
    try:
        programs = parsed(line)
    except ValueError as wrong:
        write(f"sh: {wrong}")
        return WRONG_USE
    for name, *arguments in programs:
        program = PROGRAMS.get(name)
        if program is None:
            write(f"sh: {name}: not found (this host knows: {', '.join(sorted(PROGRAMS))})")
            return NOT_FOUND
        status = await program(payments, arguments, write)
        if status:
            return status
    return 0


def parsed(line: str) -> list[list[str]]:
    """The programs of a line with their arguments; ValueError for what only a shell could do."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    programs: list[list[str]] = [[]]
    for word in lexer:
        if word == "&&":
            programs.append([])
        elif set(word) & _NO_SHELL:
            raise ValueError(f"{word!r} needs a shell, and this host has none")
        else:
            programs[-1].append(word)
    if not all(programs):
        raise ValueError("a program is missing")
    return programs


async def _systemctl(payments: Payments, arguments: Sequence[str], write: Write) -> int:
    verb, *rest = [one for one in arguments if not one.startswith("-")] or [""]
    if rest not in (["payments"], ["payments.service"]):
        write(f"Unit {rest[0] if rest else ''} could not be found.")
        return 4
    match verb:
        case "status":
            health = payments.health()
            write("● payments.service - settles payments")
            write(f"     Active: active (running); release {payments.release}")
            write(f"     Status: {'ok' if health.is_good else health.words}")
            for line in list(payments.log)[-5:]:
                write(f"  {line}")
            return 0
        case "is-active":
            write("active")
            return 0
        case "restart":
            async for _ in payments.restart():
                pass
            return 0
        case _:
            write(f"Unknown command verb {verb!r}.")
            return 1


async def _redis_cli(payments: Payments, arguments: Sequence[str], write: Write) -> int:
    words = [one.upper() for one in _without_options(arguments)]
    await asyncio.sleep(payments.pace_s / 2)
    match words:
        case ["PING"]:
            write("PONG")
        case ["DBSIZE"]:
            write(str(len(payments.cache)))
        case ["FLUSHDB", *_]:
            payments.flush()
            write("OK")
        case ["GET", key]:
            write(payments.cache.get(key.removeprefix("RATE:"), ""))
        case ["KEYS", _]:
            for name in payments.cache:
                write(f"rate:{name}")
        case _:
            write(f"ERR unknown command '{' '.join(arguments)}'")
            return 1
    return 0


def _without_options(arguments: Sequence[str]) -> list[str]:
    """The words after options; `-n` has a value."""
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] == "-n" else rest[1:]
    return rest


async def _payments_ctl(payments: Payments, arguments: Sequence[str], write: Write) -> int:
    match list(arguments):
        case ["status"]:
            write(payments.report())
        case ["restart", "--graceful"]:
            return await _restart(payments, "", write)
        case ["restart", "--release", "previous"]:
            return await _restart(payments, RELEASES[0], write)
        case ["restart", "--release", release] if release in RELEASES:
            return await _restart(payments, release, write)
        case ["workers", count] if count.isdecimal() and FEWEST_WORKERS <= int(count) <= MOST_WORKERS:
            before = payments.scale(int(count))
            await asyncio.sleep(payments.pace_s)
            write(f"{before} → {payments.worker_count} workers, cpu {payments.cpu} %")
        case ["provider", name] if name in PROVIDERS:
            before_name = payments.switch(name)
            write(f"provider {before_name} → {name}")
        case _:
            write("usage: payments-ctl status | restart --graceful | restart --release previous|NAME")
            write(f"       | workers {FEWEST_WORKERS}…{MOST_WORKERS} | provider {'|'.join(PROVIDERS)}")
            return WRONG_USE
    return 0


async def _restart(payments: Payments, release: str, write: Write) -> int:
    async for line in payments.restart(release=release):
        write(line)
    return 0


async def _tail(payments: Payments, arguments: Sequence[str], write: Write) -> int:
    match list(arguments):
        case ["-n", count, path] if count.isdecimal() and path == LOG:
            pass
        case [path] if path == LOG:
            count = "10"
        case _:
            write(f"tail: only `tail -n COUNT {LOG}` works here")
            return 1
    for line in list(payments.log)[-int(count) :] if int(count) else ():
        write(line)
        # A long file takes its time, as over a real connection.
        await asyncio.sleep(payments.pace_s / 50)
    return 0


async def _uptime(payments: Payments, _arguments: Sequence[str], write: Write) -> int:
    load = payments.cpu / 100 * payments.worker_count
    write(
        f" {datetime.now(UTC):%H:%M:%S} up 41 days,  1 user,  load average: {load:.2f}, {load:.2f}, {load:.2f}"
    )
    return 0


async def _hostname(_payments: Payments, _arguments: Sequence[str], write: Write) -> int:
    write("payments-1")
    return 0


PROGRAMS: Mapping[str, Program] = MappingProxyType(
    {
        "hostname": _hostname,
        "payments-ctl": _payments_ctl,
        "redis-cli": _redis_cli,
        "systemctl": _systemctl,
        "tail": _tail,
        "uptime": _uptime,
    }
)

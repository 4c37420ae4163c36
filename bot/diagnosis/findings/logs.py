"""The first cause in the logs of containers that are in trouble: not the last line, and not the loudest.

Logs are collected only from such containers; what a healthy one writes is nobody's finding. What a container left as
its termination message is read like a log. An error that names a dependency (a name that does not resolve, a
certificate, a refused connection) is told before the traceback that it led to: the traceback is where it was noticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.findings.base import QUOTE_LIMIT, Finding, kubectl, quote
from bot.diagnosis.findings.pods import containers
from bot.diagnosis.findings.thrown import plain, thrown

_DNS = re.compile(
    r"name resolution|Name or service not known|no such host|\bENOTFOUND\b|\bEAI_AGAIN\b|could not translate host name"
    r"|UnknownHostException|NXDOMAIN|server misbehaving|Name does not resolve|could not resolve host"
    r"|getaddrinfo failed|No address associated with hostname|failed to lookup address",
    re.IGNORECASE,
)
_EXPIRED = re.compile(
    r"certificate has expired|CERT_HAS_EXPIRED|certificate expired|CertificateExpiredException|NotAfter:",
    re.IGNORECASE,
)
_UNTRUSTED = re.compile(
    r"unknown authority|unable to get (local )?issuer certificate|self[- ]signed certificate|PKIX path building failed"
    r"|SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF|unable to verify the first certificate|UnknownIssuer",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"connection refused|ECONNREFUSED|actively refused", re.IGNORECASE)
_SLOW = re.compile(
    r"i/o timeout|connection timed out|ETIMEDOUT|connect(ion)? timeout|ConnectTimeoutException|connect timed out"
    r"|dial tcp \S+ \S*: connect: no route to host|EHOSTUNREACH|no route to host",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"password authentication failed|Access denied for user|authentication failed for user|WRONGPASS"
    r"|NOAUTH Authentication required|SCRAM authentication failed|invalid username or password|ACCESS_REFUSED",
    re.IGNORECASE,
)
_FULL = re.compile(r"no space left on device|ENOSPC|disk quota exceeded", re.IGNORECASE)
_SERVES = re.compile(r"\b(listening|listen|bind|probe)\b", re.IGNORECASE)
_HOST = re.compile(
    r"(?:lookup |ENOTFOUND |EAI_AGAIN |resolve host:? |host(?: name)?[= ]\"?'?|at \"|https?://|UnknownHostException: )"
    r"([A-Za-z0-9][\w.-]*)"
    r"|\b((?:[a-z0-9][\w-]*\.)*[a-z0-9][\w-]*|\d+(?:\.\d+){3}):(\d{2,5})\b",
)

_CAUSES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("certificate-expired", _EXPIRED, "a certificate has expired"),
    ("certificate-unknown-authority", _UNTRUSTED, "a certificate is signed by an authority it does not know"),
    ("dns-failure", _DNS, "a name does not resolve"),
    ("connection-refused", _REFUSED, "a connection is refused"),
    ("login-refused", _LOGIN, "what it depends on refuses its login"),
    ("connection-timeout", _SLOW, "a connection is not answered"),
    ("disk-full", _FULL, "there is no room left to write to"),
)
TITLE_LIMIT = 120


@dataclass(frozen=True, kw_only=True)
class _Text:
    """Something that a container said, and where it stands."""

    item: Item
    pod: str
    container: str
    text: str
    is_before: bool = False
    """From before its last restart."""
    is_farewell: bool = False
    """What it left when it ended."""

    @property
    def reason(self) -> str:
        if self.is_farewell:
            return "it is the first of its kind in what the container left when it ended"
        when = " from before its last restart" if self.is_before else ""
        return f"it is the first of its kind in the log{when} of a container that is in trouble"


def causes(evidence: Evidence) -> Iterator[Finding]:
    """One finding per text and class: the first line that tells of it."""
    for said in _texts(evidence):
        lines = said.text.splitlines()
        seen: set[str] = set()
        for line in lines:
            kind, words, place = _cause(line)
            if kind and kind not in seen:
                seen.add(kind)
                host = _host(plain(line))
                title = f"{words}: {host}" if host else words
                # One line of JSON may hold a page; what matters may stand anywhere in it.
                start = max(0, place - QUOTE_LIMIT // 2) if len(line) > QUOTE_LIMIT else 0
                yield _finding(evidence, said, kind, title, line[start:], host or said.container)
        cause = thrown(lines)
        if cause is not None:
            title = f"its code stopped with: {cause.words[:TITLE_LIMIT]}"
            yield _finding(evidence, said, "traceback", title, cause.line, said.container)


def _texts(evidence: Evidence) -> Iterator[_Text]:
    for log in evidence.of("Log"):
        _, pod, container, *before = log.id.split("/")
        yield _Text(item=log, pod=pod, container=container, text=log.text, is_before=bool(before))
    for one in containers(evidence):
        message = str(one.ended.get("message") or "")
        if (
            message
            and one.is_suspicious
            and one.ended.get("reason") not in ("StartError", "ContainerCannotRun")
        ):
            yield _Text(item=one.pod, pod=one.pod.name, container=one.name, text=message, is_farewell=True)


def _cause(line: str) -> tuple[str, str, int]:
    """The class, its words, and where in the line it stands."""
    for kind, pattern, words in _CAUSES:
        found = pattern.search(line)
        if found and not (kind == "connection-refused" and _SERVES.search(line)):
            return kind, words, found.start()
    return "", "", 0


def _host(line: str) -> str:
    for found in _HOST.finditer(line):
        name = found[1] or f"{found[2]}:{found[3]}"
        if not name[0].isdigit() or "." in name:
            return name.rstrip(".")
    return ""


def _finding(evidence: Evidence, said: _Text, kind: str, title: str, line: str, about: str) -> Finding:
    previous = " --previous" if said.is_before or said.is_farewell else ""
    return Finding(
        kind=kind,
        title=f"container {said.container} of pod {said.pod}: {title}",
        confidence="likely",
        reason=said.reason,
        quotes=(quote(said.item, line),),
        look_at=kubectl(evidence, f"logs {said.pod} -c {said.container}{previous}"),
        about=about,
    )

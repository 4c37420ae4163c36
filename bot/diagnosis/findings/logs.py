"""The first cause in the logs of containers that are in trouble: not the last line, and not the loudest.

Logs are collected only from such containers; what a healthy one writes is nobody's finding. An error that names a
dependency (a name that does not resolve, a certificate, a refused connection) is told before the traceback that it
led to: the traceback is where it was noticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.findings.base import Confidence, Finding, kubectl, quote

_DNS = re.compile(
    r"name resolution|Name or service not known|no such host|ENOTFOUND|EAI_AGAIN|could not translate host name"
    r"|UnknownHostException|NXDOMAIN|server misbehaving|Name does not resolve",
    re.IGNORECASE,
)
_EXPIRED = re.compile(
    r"certificate has expired|CERT_HAS_EXPIRED|certificate expired|CertificateExpiredException|NotAfter:",
    re.IGNORECASE,
)
_UNTRUSTED = re.compile(
    r"unknown authority|unable to get (local )?issuer certificate|self[- ]signed certificate|PKIX path building failed"
    r"|SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF|unable to verify the first certificate",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"connection refused|ECONNREFUSED|actively refused", re.IGNORECASE)
_SERVES = re.compile(r"\b(listening|listen|bind|probe)\b", re.IGNORECASE)
_HOST = re.compile(
    r"(?:lookup |ENOTFOUND |EAI_AGAIN |host[= ]\"?'?|https?://|UnknownHostException: )([A-Za-z0-9][\w.-]*)"
    r"|\b((?:[a-z0-9][\w-]*\.)*[a-z0-9][\w-]*|\d+(?:\.\d+){3}):(\d{2,5})\b",
)
_PYTHON = re.compile(r"^Traceback \(most recent call last\):")
_PANIC = re.compile(r"^(panic: |fatal error: |thread '.*' panicked at)")
_JAVA = re.compile(r"^(Exception in thread |Caused by: )")
_JAVASCRIPT = re.compile(r"^(Uncaught )?[A-Za-z]*Error: ")

_CAUSES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("certificate-expired", _EXPIRED, "a certificate has expired"),
    ("certificate-unknown-authority", _UNTRUSTED, "a certificate is signed by an authority it does not know"),
    ("dns-failure", _DNS, "a name does not resolve"),
    ("connection-refused", _REFUSED, "a connection is refused"),
)


def causes(evidence: Evidence) -> Iterator[Finding]:
    """One finding per log and class: the first line that tells of it."""
    for log in evidence.of("Log"):
        lines = log.text.splitlines()
        seen: set[str] = set()
        for line in lines:
            kind, words = _cause(line)
            if kind and kind not in seen:
                seen.add(kind)
                host = _host(line)
                yield _finding(evidence, log, kind, f"{words}: {host}" if host else words, line, host)
        thrown = _thrown(lines)
        if thrown:
            yield _finding(evidence, log, "traceback", f"its code stopped with: {thrown[:120]}", thrown, "")


def _cause(line: str) -> tuple[str, str]:
    for kind, pattern, words in _CAUSES:
        if pattern.search(line) and not (kind == "connection-refused" and _SERVES.search(line)):
            return kind, words
    return "", ""


def _host(line: str) -> str:
    for found in _HOST.finditer(line):
        name = found[1] or f"{found[2]}:{found[3]}"
        if not name[0].isdigit() or "." in name:
            return name
    return ""


def _thrown(lines: list[str]) -> str:
    """The line that says what was thrown first.

    Python prints the first exception of a chain first, Java the deepest cause last; Go and Rust begin with it.
    """
    for place, line in enumerate(lines):
        text = line.strip()
        if _PYTHON.match(text):
            return next((one.strip() for one in lines[place + 1 :] if one and not one[0].isspace()), text)
        if _PANIC.match(text):
            return text
        if _JAVA.match(text):
            deepest = [one.strip() for one in lines[place:] if one.startswith("Caused by: ")]
            return deepest[-1] if deepest else text
        if _JAVASCRIPT.match(text) and any(one.startswith("    at ") for one in lines[place + 1 : place + 4]):
            return text
    return ""


def _finding(evidence: Evidence, log: Item, kind: str, title: str, line: str, about: str) -> Finding:
    _, pod, container, *before = log.id.split("/")
    confidence: Confidence = "likely"
    return Finding(
        kind=kind,
        title=f"container {container} of pod {pod}: {title}",
        confidence=confidence,
        reason="it is the first of its kind in the log"
        + (" from before its last restart" if before else "")
        + " of a container that is in trouble",
        quotes=(quote(log, line),),
        look_at=kubectl(evidence, f"logs {pod} -c {container}" + (" --previous" if before else "")),
        about=about or container,
    )
